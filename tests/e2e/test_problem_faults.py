"""Submissions to a problem, and the check of its package, while every service is killed at random."""

import asyncio
import contextlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest

from precieux.postgres.embedded import running_url
from shared.adapters.database.roles import Role
from tests.fixtures.contract import create_key
from tests.fixtures.postgres import connected
from tests.fixtures.up import Up
from tests.problem_packages import pack
from tests.waiting import eventually_sync

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SUBMISSIONS: Final = 300
KILLS: Final = 12
VICTIMS: Final = ("api_service", "queue_consumer", "job_runner", "executor", "postgres")
#: A legacy package with a checker and an input validator, whose limit is derived.
PACKAGE: Final = pack(
    {
        "problem.yaml": "name: Twice\nvalidation: custom\n",
        **{f"data/secret/{number}.in": f"{number}\n" for number in range(1, 4)},
        **{f"data/secret/{number}.ans": f"{2 * number}\n" for number in range(1, 4)},
        "output_validators/check.py": "import sys\nwant = open(sys.argv[2]).read()\n"
        "raise SystemExit(42 if sys.stdin.read() == want else 43)\n",
        "input_validators/small.py": "raise SystemExit(42 if int(input()) < 10 else 43)\n",
        "submissions/accepted/right.py": "print(2 * int(input()))\n",
        "submissions/wrong_answer/wrong.py": "print(1)\n",
        "submissions/time_limit_exceeded/loop.py": "while True: pass\n",
    }
).getvalue()


def patiently(client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
    """Return the answer of a call that is repeated until a server accepts it."""

    def attempt() -> dict[str, Any] | None:
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError:
            return None
        assert answer.status_code in (200, 201, 202, 409, 500, 503), answer.text
        body: dict[str, Any] = answer.json() if answer.is_success else {}
        return body

    return eventually_sync(attempt, timeout=90, what=f"{method} {path} is accepted") or {}


def kill_at_random(up: Up, rng: random.Random, over: threading.Event) -> Counter[str]:
    killed = Counter[str]()
    while not over.wait(rng.uniform(1.0, 2.5)) and killed.total() < KILLS:
        victim = rng.choice(VICTIMS)
        with contextlib.suppress(AssertionError, ProcessLookupError):  # it restarts just now
            os.kill(up.process_of(victim).pid, signal.SIGKILL)
            killed[victim] += 1
    return killed


async def ends(up: Up) -> tuple[list[Any], list[str], int]:
    """Return the submissions with the number of their results, the recipients of mails, and the number of checks.

    A program during whose run alone its engine or runner was killed counts as the cause (docs/adr/0005), so
    `is_suspect` is true of it.
    """
    url = running_url(up.data_dir / "postgres", Role.OWNER)
    assert url
    async with connected(url) as database, database.connection() as connection:
        uploads = await connection.fetch_all(
            "SELECT u.id, u.email, u.verdict, (SELECT count(*) FROM results WHERE results.upload = u.id) AS results,"
            " EXISTS (SELECT FROM job WHERE job.upload = u.id AND stop_reason LIKE '%while it ran this program%')"
            " AS is_suspect FROM uploads u"
        )
        mailed = [row["recipient"] for row in await connection.fetch_all("SELECT recipient FROM emails")]
        return uploads, mailed, len(await connection.fetch_all("SELECT FROM problem_checks"))


def addresses(up: Up) -> Iterator[str]:
    for path in (up.data_dir / "outbox").glob("*.eml"):
        yield next(line[4:] for line in path.read_text(errors="replace").splitlines() if line.startswith("To: "))


def test_nothing_is_lost_and_each_has_one_result_and_one_mail(up: Up) -> None:
    seed = int(os.environ.get("PRECIEUX_TEST_SEED") or random.randrange(10**6))
    print(f"seed {seed}")
    rng, over = random.Random(seed), threading.Event()
    up.start()
    key = create_key(up.data_dir, "setter", "problems", "submit", "read")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=up.url, headers=headers, timeout=15, trust_env=False) as client:
        zipped = {"Content-Type": "application/zip"}
        assert client.put("/v1/problems/twice", content=PACKAGE, headers=zipped).status_code == 201

        def submit(number: int) -> None:
            body = {
                "language": "py",
                "source": f"print(2 * int(input()))  # {number}\n",
                "problem": "twice",
                "email": f"pupil-{number}@example.com",
            }
            patiently(client, "POST", "/v1/submissions", json=body, headers={"Idempotency-Key": f"s{number}"})

        with ThreadPoolExecutor(6) as pool:
            killing = pool.submit(kill_at_random, up, rng, over)
            checking = pool.submit(
                patiently, client, "POST", "/v1/problems/twice/check",
                json={"email": "setter@example.com"}, headers={"Idempotency-Key": "check"},
            )  # fmt: skip
            for _ in pool.map(submit, range(SUBMISSIONS)):
                pass
            checking.result()
            killed = killing.result()
            print("killed", dict(killed))

        def is_quiet() -> bool:
            found = patiently(client, "GET", "/v1/problems/twice/check")
            return found.get("state") == "finished" and len(set(addresses(up))) == SUBMISSIONS + 1

        eventually_sync(is_quiet, timeout=240, what="all is mailed")
        check = patiently(client, "GET", "/v1/problems/twice/check")
    uploads, mailed, checks = asyncio.run(ends(up))
    assert checks == 1
    suspects = {row["id"] for row in uploads if row["is_suspect"]}
    assert len(suspects) <= (killed["executor"] + killed["job_runner"]) // 2
    strange = {entry["submission"] for entry in check["submissions"] if entry["result"] != "as_expected"}
    assert strange <= suspects, check["submissions"]
    assert (check["verdict"], check["data"]) == ("failed" if strange else "passed", [])
    of_pupils = [row for row in uploads if row["email"]]
    assert len(of_pupils) == SUBMISSIONS
    assert {row["verdict"] for row in of_pupils if row["id"] not in suspects} == {"accepted"}
    assert {row["results"] for row in uploads if row["id"] not in suspects} == {1}
    assert set(Counter(mailed).values()) == set(Counter(addresses(up)).values()) == {1}
