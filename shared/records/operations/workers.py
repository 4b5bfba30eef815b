"""The processes of the services, as the database sees them: by the names of their connections.

A process that ends or loses the database is gone from the list at once, so nothing has to be cleaned up, and every role
may read these names (`pg_stat_activity`). Only processes of the same database are listed.
"""

import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from shared.adapters.database.connection import Connection

_MARK: Final = "precieux"
#: Postgres cuts longer names.
_MAX_LENGTH: Final = 63

_CONNECTED: Final = """
    SELECT DISTINCT application_name FROM pg_stat_activity
    WHERE datname = current_database() AND starts_with(application_name, :mark)
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process of a service. `slots` is how many programs a runner has run at once, and 0 for other services."""

    service: str
    host: str
    pid: int
    started_at: datetime
    slots: int = 0


def connection_name(service: str, *, slots: int = 0) -> str:
    """Return the name for all connections of this process."""
    # The host is last, because it may be long.
    return f"{_MARK} {service} {os.getpid()} {int(time.time())} {slots} {socket.gethostname()}"[:_MAX_LENGTH]


async def connected(connection: Connection) -> list[Worker]:
    """Return the processes that are connected to the database, by service and host."""
    rows = await connection.fetch_all(_CONNECTED, {"mark": f"{_MARK} "})
    processes = (_parse(row["application_name"]) for row in rows)
    return sorted(
        (worker for worker in processes if worker), key=lambda worker: (worker.service, worker.host, worker.pid)
    )


def _parse(name: str) -> Worker | None:
    """Return the process of a connection's name; None if another program chose it."""
    match name.split(" "):
        case [_, service, pid, started, slots, host] if all(number.isdecimal() for number in (pid, started, slots)):
            return Worker(service, host, int(pid), datetime.fromtimestamp(int(started), UTC), int(slots))
    return None
