"""Single faults, each with the check for what only it could break: messages, the disk, and open descriptors."""

import pytest

from job_runner.leases.claim import PAUSE_SECONDS
from shared.adapters.broker.base import Message
from tests.chaos.faults import STRANGE, limit_files
from tests.chaos.invariants import judge, wait_until_settled
from tests.chaos.load import Load
from tests.chaos.proxy import Mode
from tests.chaos.system import System

pytestmark = pytest.mark.slow

#: By how much the pools of one process may differ between two moments: to Postgres, the engine, the provider.
POOLS = 10 + 4 + 10
#: If each cut lost one descriptor, that would be more than the pools explain.
CUTS = 30


@pytest.fixture(params=["embedded", "distributed"])
def either(request: pytest.FixtureRequest) -> tuple[System, Load]:
    return request.getfixturevalue(request.param), request.getfixturevalue(f"{request.param}_load")


def settle(system: System, load: Load, timeout: float = 40) -> None:
    wait_until_settled(system, load, timeout=timeout, what="everything has its end")
    assert judge(system, load).violations == []


def test_repeated_and_strange_messages_make_no_job(either: tuple[System, Load]) -> None:
    system, load = either
    load.submit(5)
    settle(system, load)
    before = system.query("SELECT upload, request_id FROM job ORDER BY id DESC LIMIT 5")
    dead = len(system.dead_letters())
    [count] = system.query("SELECT count(*) AS jobs FROM job")

    repeated = [Message(str(row["upload"]).encode(), str(row["request_id"])) for row in before]
    system.publish([*repeated, *(Message(body, "stranger") for body in STRANGE), *reversed(repeated)])
    system.wait(
        lambda: len(system.dead_letters()) == dead + len(STRANGE), timeout=20, what="the strange ones are dead letters"
    )
    assert system.query("SELECT count(*) AS jobs FROM job") == [count]
    assert all(letter.reason for letter in system.dead_letters())
    load.submit(1)
    settle(system, load)


def test_a_full_disk_delays_and_loses_nothing(embedded: System, embedded_load: Load) -> None:
    system, load = embedded, embedded_load
    limit_files(system, 0)
    put_off = load.put_off
    load.submit(1)
    system.wait(lambda: load.put_off > put_off, timeout=20, what="the API answers that it cannot store")
    limit_files(system, None)
    settle(system, load)

    limit_files(system, 0, kind="runner")
    [submission] = load.submit(1)
    # The engine answers at once, so a lease that was extended for seconds is of an outcome that waits.
    system.wait(
        lambda: system.query("SELECT FROM job WHERE lease_expires_at > started_at + interval '3 s'"),
        timeout=20,
        what="a runner keeps the outcome that it cannot store",
    )
    limit_files(system, None)
    settle(system, load)
    assert system.engine.runs[str(submission.number)] == 1


@pytest.mark.timeout(400)
def test_dependencies_that_come_and_go_leave_nothing_open(either: tuple[System, Load]) -> None:
    system, load = either
    deaths = {name: service.deaths for name, service in system.services.items()}
    load.submit(10)
    settle(system, load)
    before = {name: service.descriptors for name, service in system.services.items()}
    for _ in range(CUTS):
        for proxy in system.proxies.values():
            proxy.set(Mode.REFUSE)
        load.submit(1)
        system.rest(0.1)
        for proxy in system.proxies.values():
            proxy.set(Mode.PASS)
        system.rest(0.15)
    # On a loaded machine a mail meets several cuts, and then waits for up to a minute (`MailSender`). Leases of one
    # second end meanwhile, and each of these jobs may run alone, with a pause after it (docs/adr/0005).
    settle(system, load, timeout=90 + CUTS * PAUSE_SECONDS)
    after = {name: service.descriptors for name, service in system.services.items()}
    assert {name: service.deaths for name, service in system.services.items()} == deaths
    grown = {name: after[name] - before[name] for name in after}
    assert max(grown.values()) <= POOLS, grown
