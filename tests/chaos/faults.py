"""The faults of a system on one machine. A fault is possible if the system has its parts."""

import os
import resource
import signal
from collections.abc import Iterator
from typing import Final

from shared.adapters.broker.base import Message
from tests.chaos.fault import Fault
from tests.chaos.proxy import Mode
from tests.chaos.system import System


def menu(system: System) -> list[Fault[System]]:
    """Return every fault that this system can suffer."""
    return [*_of_services(system), *_of_dependencies(system), *_of_servers(system), *_of_messages(), _clock()]


def _of_services(system: System) -> Iterator[Fault[System]]:
    for name in system.services:
        yield Fault(f"{name} killed", name, lambda s, n=name: s.services[n].kill())  # type: ignore[misc]
        yield Fault(
            f"{name} frozen",
            name,
            lambda s, n=name: s.services[n].freeze(),  # type: ignore[misc]
            lambda s, n=name: s.services[n].thaw(),  # type: ignore[misc]
        )
    if system.backends.s3 is None:
        yield Fault("disk full", "disk", lambda s: limit_files(s, 0), lambda s: limit_files(s, None))


def _of_dependencies(system: System) -> Iterator[Fault[System]]:
    for name in system.proxies:
        for mode in (Mode.REFUSE, Mode.HANG, Mode.SLOW, Mode.NONSENSE):
            yield Fault(
                f"{name}: {mode}",
                name,
                lambda s, n=name, m=mode: s.proxies[n].set(m),  # type: ignore[misc]
                lambda s, n=name: s.proxies[n].set(Mode.PASS),  # type: ignore[misc]
            )
    yield Fault("engine: out of order", "engine", lambda s: _set_engine(s, True), lambda s: _set_engine(s, False))
    yield Fault("mail: 500", "mail", lambda s: s.mailgun.fail(500, times=3))
    yield Fault("mail: 500 but accepted", "mail", lambda s: s.mailgun.fail(500, times=2, accepts=True))
    yield Fault("mail: 429", "mail", lambda s: s.mailgun.fail(429, times=3, Retry_After="1"))


def _of_servers(system: System) -> Iterator[Fault[System]]:
    yield Fault("Postgres killed", "postgres", _kill_postgres, lambda s: s.postgres.start())
    if (rabbitmq := system.backends.rabbitmq) is not None:
        yield Fault("RabbitMQ killed", "broker", lambda _: rabbitmq.kill(), lambda _: rabbitmq.start())
        yield Fault("RabbitMQ frozen", "broker", lambda _: rabbitmq.freeze(), lambda _: rabbitmq.thaw())


_QUEUE: Final = frozenset({"broker", "postgres"})


def _of_messages() -> Iterator[Fault[System]]:
    yield Fault("messages repeated, out of order", "messages", _repeat_messages, needs=_QUEUE)
    yield Fault("messages undecodable or unknown", "messages", _strange_messages, needs=_QUEUE)


def _clock() -> Fault[System]:
    """Let the database's clock jump ahead by taking an hour from every lease; leases know no other clock."""
    return Fault("clock an hour ahead", "clock", _jump_ahead, needs=_QUEUE)


def limit_files(system: System, size: int | None, *, kind: str = "") -> None:
    """Let no file of the services (of one kind) grow, as on a full disk (RLIMIT_FSIZE; Python ignores the signal)."""
    limit = resource.RLIM_INFINITY if size is None else size
    for name, service in system.services.items():
        if service.running and name.startswith(kind):
            resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def _set_engine(system: System, failing: bool) -> None:
    system.engine.failing = failing


def _kill_postgres(system: System) -> None:
    if system.postgres.pid is not None:
        os.kill(system.postgres.pid, signal.SIGKILL)


def _repeat_messages(system: System) -> None:
    rows = system.query("SELECT upload, request_id FROM job WHERE request_id IS NOT NULL ORDER BY id DESC LIMIT 20")
    system.publish([Message(str(row["upload"]).encode(), str(row["request_id"])) for row in rows])


STRANGE: Final = (b"", b"not an id", b"\xff\xfe", b"-1", b"999999999")


def _strange_messages(system: System) -> None:
    system.publish([Message(body, f"strange-{number}") for number, body in enumerate(STRANGE)])


def _jump_ahead(system: System) -> None:
    # The services lock rows in the same order (tests/unit/test_lock_order.py), so this meets no deadlock.
    for table, column, where, order in (
        ("job", "lease_expires_at", "status = 'executing'", "upload, id"),
        ("emails", "lease_expires_at", "status = 'sending'", "id"),
        ("webhooks", "run_after", "lease_id IS NOT NULL", "id"),
    ):
        system.query(
            f"WITH held AS MATERIALIZED (SELECT id FROM {table} WHERE {where} ORDER BY {order} FOR NO KEY UPDATE)"
            f" UPDATE {table} SET {column} = {column} - interval '1 hour' FROM held WHERE {table}.id = held.id"
        )
