"""The whole runner as a process, with the longest legal submissions and answers."""

import contextlib
import functools
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shared.adapters.database.connection import Database
from shared.common.service.parent_death import die_with_parent
from tests.fixtures.http_thread import Handler, Server
from tests.fixtures.mailgun_server import MailgunServer
from tests.fixtures.memory_group import little_memory, peak_memory
from tests.integration.rows import add_job, fetch
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MIB: Final = 1 << 20
#: The memory of a runner in Compose and Kubernetes.
LIMIT: Final = 512 * MIB

#: One emoji makes Python keep four bytes for each character.
TEXTS: Final = {
    "control characters": "\x01" * (MIB - 4) + "😀",
    "four bytes a character": "😀" * (MIB // 4),
    "lines": "\n" * MIB,
    "one line": "x" * MIB,
    "markup": "&" * MIB,
    "what is no UTF-8": "\ufffd" * MIB,
}


#: The worst again and again, so that it runs in all slots at once; then each kind.
WORST: Final = [TEXTS["control characters"]] * 16 + list(TEXTS.values())


@functools.cache
def _answer(output: str, error: str) -> bytes:
    fields = {"timeStamp": 1, "status": 200, "output": output, "error": error, "language": "py", "verdict": "ok"}
    return json.dumps(fields, ensure_ascii=False).encode()


class Engine(Server):
    """Answers `together` runs at once, each with another kind of worst output on both streams."""

    def __init__(self, together: int) -> None:
        super().__init__(_Handler)
        self.together = threading.Barrier(together)
        # If columns are padded, a long line pads many short ones in the other column.
        pairs = [*((text, text) for text in WORST), (TEXTS["one line"], TEXTS["lines"])]
        self.answers = itertools.cycle([_answer(output, error) for output, error in pairs])


class _Handler(Handler):
    server: Engine

    def post(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, MIB)))
        with contextlib.suppress(threading.BrokenBarrierError):
            self.server.together.wait(timeout=10)
        self.answer(200, next(self.server.answers))


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(together=4) as server:
        yield server


@pytest.fixture
def runner(
    database_url: str, mailgun: MailgunServer, engine: Engine, tmp_path: Path
) -> Iterator[subprocess.Popen[Any]]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PRECIEUX_DATABASE_URL": database_url,
        "PRECIEUX_DATA_DIR": str(tmp_path),
        "PRECIEUX_CODEX_URL": engine.url,
        "PRECIEUX_MAILGUN_URL": mailgun.url,
        "PRECIEUX_MAILGUN_DOMAIN": mailgun.domain,
        "PRECIEUX_MAILGUN_API_KEY": mailgun.api_key,
        "PRECIEUX_RUNNER_CONCURRENCY": "4",
        "PRECIEUX_LOG_LEVEL": "WARNING",
    }
    die = die_with_parent(signal.SIGKILL)
    with little_memory(LIMIT) as enter:
        process = subprocess.Popen(
            [sys.executable, "-m", "job_runner"],
            cwd=Path(__file__).parents[3],
            env=environment,
            preexec_fn=lambda: (enter(), die()),
        )
        yield process
        process.terminate()
        process.wait(timeout=60)


async def test_the_longest_answers_fit_into_the_runners_memory(
    database: Database, runner: subprocess.Popen[Any], mailgun: MailgunServer
) -> None:
    jobs = [await add_job(database, contents=text, inputs=text) for text in [*WORST, "print(1)", "print(2)"]]

    async def all_mailed() -> bool:
        assert runner.poll() is None, f"the runner ended with {runner.returncode}"
        [row] = await fetch(database, "SELECT count(*) AS sent FROM emails WHERE status = 'sent'")
        return bool(row["sent"] == len(jobs))

    await eventually(all_mailed, timeout=300, what="all mails are sent")
    rows = await fetch(database, "SELECT status, attempt FROM job")
    assert [(row["status"], row["attempt"]) for row in rows] == [("executed", 1)] * len(jobs)
    assert len(mailgun.accepted) == len(jobs)
    assert peak_memory(runner.pid) < LIMIT
