"""A process dies at the worst moment: between a change and the message about it, at each such place.

One process kills itself at the point (`tests.chaos.child`) while the others of its kind are frozen; then they find
the submission where it was left.
"""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import requests

from job_runner.upkeep.orphans import Orphans
from precieux.host.ports import free_ports
from shared.database.roles import Role
from shared.storage.local import LocalStore
from shared.storage.signing import LinkSigner
from shared.storage.sources import FOLDER
from tests.chaos.invariants import judge, wait_until_settled
from tests.chaos.load import Load
from tests.chaos.system import System
from tests.chaos.v1 import Kind
from tests.fixtures.postgres import connected, in_thread
from tests.waiting import eventually_sync as wait_without_tending

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: A dead sender's mail is taken up after 16 s, and a dead client's key after a minute, on an idle machine.
_MOST_SECONDS = 100


def die_at(system: System, load: Load, point: str, module: str, posted: Kind | None = None) -> int:
    """Let a process die at `point` over one new submission; return how often its mail was accepted.

    With `posted` it is posted to API v1.
    """
    # What an earlier test has left would be in the armed process's way.
    wait_until_settled(system, load, timeout=_MOST_SECONDS, what="everything has ended before")
    kind = {"api_service": "api", "queue_consumer": "consumer", "job_runner": "runner"}[module]
    others = [service for name, service in system.services.items() if name.startswith(kind)]
    [port] = free_ports(1)
    armed = system.service("armed", module, options=["--die-at", point], changes={"PRECIEUX_PORT": str(port)})
    for other in others:
        if kind == "consumer":
            # A broker delivers also to a frozen consumer.
            other.kill()
        else:
            other.freeze()
    armed.start()
    try:
        load.urls = (f"http://127.0.0.1:{port}" if kind == "api" else system.url,)
        submission = load.post(system.receiver.url, posted) if posted else load.submit()[0]
        wait_without_tending(lambda: not armed.running, _MOST_SECONDS, what=f"the armed {module} dies: {point}")
        assert armed.wait_dead(1) == -signal.SIGKILL, "it ended otherwise"
    finally:
        load.urls = (system.url,)
        armed.stop()
        for other in others:
            other.thaw()
    wait_until_settled(system, load, timeout=_MOST_SECONDS, what=f"everything ends after: {point}")
    return sum(1 for mail in system.mailgun.accepted if mail.fields["to"] == submission.email)


@pytest.mark.parametrize(
    ("point", "module"),
    [
        ("file stored, row not committed", "api_service"),
        ("request committed, answer not sent", "api_service"),
        ("job inserted, not acknowledged", "queue_consumer"),
        ("engine answered, nothing stored", "job_runner"),
        ("output stored, outcome not committed", "job_runner"),
        ("mail claimed, not sent", "job_runner"),
        ("mail accepted, not recorded", "job_runner"),
    ],
)
def test_a_crash_loses_nothing_on_postgres_alone(
    embedded: System, embedded_load: Load, point: str, module: str
) -> None:
    mails = die_at(embedded, embedded_load, point, module)
    verdict = judge(embedded, embedded_load)
    assert verdict.violations == []
    # Only here is a mail sent twice: a sender that dies after the provider's answer cannot have recorded it.
    if point == "mail accepted, not recorded":
        assert mails == 2
    elif point == "request committed, answer not sent":
        # The client got no answer and asked again. If the first request had ended, that was a second one.
        assert mails in (1, 2)
    else:
        assert mails == 1


@pytest.mark.parametrize(
    ("point", "module"),
    [
        ("request committed, not published", "api_service"),
        ("published, not deleted", "api_service"),
        ("job inserted, not acknowledged", "queue_consumer"),
    ],
)
def test_a_crash_loses_nothing_on_rabbitmq(
    distributed: System, distributed_load: Load, point: str, module: str
) -> None:
    mails = die_at(distributed, distributed_load, point, module)
    verdict = judge(distributed, distributed_load)
    assert verdict.violations == []
    assert mails == 1


@pytest.mark.parametrize(
    ("point", "module", "kind", "mails"),
    [
        ("result of a test written, engine not at its end", "job_runner", Kind.TESTS, 1),
        ("output stored, outcome not committed", "job_runner", Kind.PLAIN, 1),
        ("cancelled, answer not sent", "api_service", Kind.CANCEL, 0),
        ("webhook claimed, not posted", "job_runner", Kind.PLAIN, 1),
        ("webhook posted, not recorded", "job_runner", Kind.PLAIN, 1),
        ("webhook posted, not recorded", "job_runner", Kind.BATCH, 1),
    ],
)
def test_a_crash_loses_nothing_of_api_v1(
    embedded: System, embedded_load: Load, point: str, module: str, kind: Kind, mails: int
) -> None:
    before = Counter(embedded.receiver.arrived)
    # A runner that dies over the webhook may have its mail accepted at that moment, and not recorded.
    allowed = {mails, 2 * mails} if point.startswith("webhook") else {mails}
    assert die_at(embedded, embedded_load, point, module, kind) in allowed
    assert judge(embedded, embedded_load).violations == []
    # The one window: who dies after the receiver's answer cannot have recorded it.
    arrived = list((embedded.receiver.arrived - before).values())
    assert arrived == [2 if point == "webhook posted, not recorded" else 1]


def test_a_file_that_a_crash_left_is_removed(embedded: System, embedded_load: Load) -> None:
    point = "file stored, row not committed"
    assert die_at(embedded, embedded_load, point, "api_service", Kind.PLAIN) == 1
    assert judge(embedded, embedded_load).violations == []
    objects = embedded.folder / "objects"
    rows = embedded.query("SELECT object_key FROM uploads WHERE spec IS NOT NULL AND content IS NULL")
    accepted = {row["object_key"] for row in rows}

    def sources() -> set[str]:
        return {str(path.relative_to(objects)) for path in (objects / FOLDER).rglob("*") if path.is_file()}

    async def clean() -> None:
        later = datetime.now(UTC).date() + timedelta(days=2)
        store = LocalStore(objects, LinkSigner(b"k" * 32, embedded.url))
        async with connected(embedded.postgres.url(Role.RUNNER)) as database:
            await Orphans(database, store, lambda: later).remove()
        await store.close()

    assert len(sources() - accepted) == 1
    in_thread(lambda: asyncio.run(clean()))
    assert sources() == accepted


def test_a_program_that_kills_runners_runs_twice(embedded: System) -> None:
    others = [service for name, service in embedded.services.items() if name.startswith("runner")]
    armed = embedded.service("poisoned", "job_runner", options=["--die-at", "engine answered, nothing stored"])
    form = {"id": "900001", "email": "poisoner@example.com", "language": "py", "inputs": "x", "enable": "0"}
    source = {"file": ("p.py", b"print('poison')")}
    for other in others:
        other.freeze()
    try:
        assert requests.post(f"{embedded.url}/submit_email/", data=form, files=source, timeout=10).ok
        assert requests.get(f"{embedded.url}/check_email/?id=900001", timeout=10).ok

        def job_failed() -> bool:
            return bool(embedded.query("SELECT FROM job WHERE upload = 900001 AND status = 'failed'"))

        deaths = 0
        while not job_failed() and deaths < 10:
            armed.start()
            wait_without_tending(lambda: not armed.running or job_failed(), what="the runner dies, or fails the job")
            deaths += not armed.running
        assert deaths == 2
        [job] = embedded.query("SELECT failure FROM job WHERE upload = 900001")
        assert job["failure"] == "the runner stopped while it ran this program, 2 times"
    finally:
        armed.stop()
        for other in others:
            other.thaw()
