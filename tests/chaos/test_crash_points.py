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
from shared.adapters.database.roles import Role
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.adapters.storage.sources import FOLDER
from tests.chaos.invariants import judge, wait_until_settled
from tests.chaos.load import Load
from tests.chaos.system import System
from tests.chaos.v1 import Kind
from tests.fixtures.postgres import connected, in_thread
from tests.waiting import eventually_sync as wait_without_tending

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: A dead sender's mail is taken up after 16 s, and a dead client's key after a minute, on an idle machine.
_MAX_SECONDS = 100


def die_at(system: System, load: Load, point: str, module: str, posted: Kind | None = None) -> int:
    """Let a process die at `point` over one new submission; return how often its mail was accepted.

    With `posted` it is posted to API v1.
    """
    # What an earlier test has left would be in the armed process's way.
    wait_until_settled(system, load, timeout=_MAX_SECONDS, what="everything has ended before")
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
        wait_without_tending(lambda: not armed.running, _MAX_SECONDS, what=f"the armed {module} dies: {point}")
        assert armed.wait_dead(1) == -signal.SIGKILL, "it ended otherwise"
    finally:
        load.urls = (system.url,)
        armed.stop()
        for other in others:
            other.thaw()
    wait_until_settled(system, load, timeout=_MAX_SECONDS, what=f"everything ends after: {point}")
    return sum(1 for mail in system.mailgun.accepted if mail.fields["to"] == submission.email)


_API, _CONSUMER, _RUNNER = "api_service", "queue_consumer", "job_runner"


@pytest.mark.parametrize(
    ("backends", "point", "module", "kind", "mails"),
    [
        ("embedded", "file stored, row not committed", _API, None, {1}),
        # The client got no answer and asked again. If the first request had ended, that was a second one.
        ("embedded", "request committed, answer not sent", _API, None, {1, 2}),
        ("embedded", "job inserted, not acknowledged", _CONSUMER, None, {1}),
        ("embedded", "engine answered, nothing stored", _RUNNER, None, {1}),
        ("embedded", "output stored, outcome not committed", _RUNNER, None, {1}),
        ("embedded", "mail claimed, not sent", _RUNNER, None, {1}),
        # Only here is a mail sent twice: a sender that dies after the provider's answer cannot have recorded it.
        ("embedded", "mail accepted, not recorded", _RUNNER, None, {2}),
        ("distributed", "request committed, not published", _API, None, {1}),
        ("distributed", "published, not deleted", _API, None, {1}),
        ("distributed", "job inserted, not acknowledged", _CONSUMER, None, {1}),
        ("embedded", "result of a test written, engine not at its end", _RUNNER, Kind.TESTS, {1}),
        ("embedded", "output stored, outcome not committed", _RUNNER, Kind.PLAIN, {1}),
        ("embedded", "cancelled, answer not sent", _API, Kind.CANCEL, {0}),
        # A runner that dies over the webhook may have its mail accepted at that moment, and not recorded.
        ("embedded", "webhook claimed, not posted", _RUNNER, Kind.PLAIN, {1, 2}),
        ("embedded", "webhook posted, not recorded", _RUNNER, Kind.PLAIN, {1, 2}),
        ("embedded", "webhook posted, not recorded", _RUNNER, Kind.BATCH, {1, 2}),
    ],
)
def test_a_crash_loses_nothing(
    request: pytest.FixtureRequest, backends: str, point: str, module: str, kind: Kind | None, mails: set[int]
) -> None:
    """With a `kind`, the submission is one of API v1, and has a webhook."""
    system: System = request.getfixturevalue(backends)
    load: Load = request.getfixturevalue(f"{backends}_load")
    before = Counter(system.receiver.arrived)
    assert die_at(system, load, point, module, kind) in mails
    assert judge(system, load).violations == []
    # The one window: who dies after the receiver's answer cannot have recorded it.
    often = 2 if point == "webhook posted, not recorded" else 1
    assert list((system.receiver.arrived - before).values()) == ([often] if kind else [])


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
