"""The whole pipeline through RabbitMQ, with an engine that costs nothing: what it carries, and what gives out first.

Everything shares one machine, the client too, so the pipeline's rate is held against that of the API alone on it.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from benchmarks.findings import Finding, median_ratio
from benchmarks.load import classic_pairs
from benchmarks.processes import cpu_seconds, process, service, services
from benchmarks.surroundings import Installation, Surroundings
from tests.fixtures.ports import answers, free_ports

SERVICES: Final = ("api_service", "queue_consumer", "job_runner")
_ROUNDS: Final = 3
_PAIRS: Final = 600
_TARGET: Final = 0.5
_DRAIN_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Run:
    rate: float
    #: CPU time of each part for one submission, in milliseconds: what the machine's other load changes least.
    cpu_ms: dict[str, float]
    #: What waited where when the last request had been accepted.
    waiting: dict[str, int]


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    accepted: list[float] = []
    runs: list[_Run] = []
    with null_engine() as codex_url:
        for _ in range(_ROUNDS):
            alone = surroundings.installation(rabbitmq=True)
            with service("api_service", alone.environment):
                asyncio.run(classic_pairs(alone.url, range(1, 51)))
                accepted.append(asyncio.run(classic_pairs(alone.url, range(51, _PAIRS + 51))).rate)
            surroundings.purge()
            whole = surroundings.installation(rabbitmq=True, codex_url=codex_url, runner_concurrency="8")
            with services(SERVICES, whole.environment) as pids:
                asyncio.run(_carry(whole, range(1, 51)))
                pids |= {"postgres": surroundings.postgres.pid or 0, "rabbitmq": surroundings.rabbitmq_pid}
                runs.append(_measured(whole, pids))
    ratio = median_ratio([run.rate for run in runs], accepted)
    cpu_ms = {part: statistics.median(run.cpu_ms[part] for run in runs) for part in runs[0].cpu_ms}
    waiting = {place: statistics.median(run.waiting[place] for run in runs) for place in runs[0].waiting}
    yield Finding(
        measure="API to mail outbox, null engine",
        ours=f"{statistics.median(run.rate for run in runs):.0f}/s",
        beside=f"API alone {statistics.median(accepted):.0f}/s",
        ratio=ratio,
        target=f">= {_TARGET:g}x",
        met=ratio >= _TARGET,
        details={"accepted": accepted, "carried": [run.rate for run in runs], "cpu_ms": cpu_ms, "waiting": waiting},
    )
    first = max(waiting, key=lambda place: waiting[place])
    yield Finding(
        measure="... and what gives out first",
        ours=f"{first} ({waiting[first]:.0f} of {_PAIRS} waited there)",
        beside="CPU ms each: " + ", ".join(f"{part} {spent:.1f}" for part, spent in cpu_ms.items()),
        ratio=None,
        target="",
        met=None,
    )


@contextmanager
def null_engine() -> Iterator[str]:
    (port,) = free_ports(1)
    with process([sys.executable, "-m", "benchmarks.null_engine", str(port)], {}):
        deadline = time.monotonic() + 30
        while not answers(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"


def _measured(whole: Installation, pids: dict[str, int]) -> _Run:
    before = {part: cpu_seconds(pid, below=True) for part, pid in pids.items()}
    client = time.process_time()
    started = time.perf_counter()
    waiting = asyncio.run(_carry(whole, range(51, _PAIRS + 51)))
    seconds = time.perf_counter() - started
    spent = {part: cpu_seconds(pid, below=True) - before[part] for part, pid in pids.items()}
    spent["client"] = time.process_time() - client
    return _Run(_PAIRS / seconds, {part: 1000 * each / _PAIRS for part, each in spent.items()}, waiting)


async def _carry(whole: Installation, numbers: range) -> dict[str, int]:
    """Submit, and wait for the last mail; what waited where in between."""
    connection = await asyncpg.connect(whole.database_url)
    try:
        await classic_pairs(whole.url, numbers)
        row = await connection.fetchrow(_WAITING)
        await all_mailed(connection, numbers.stop - 1)
    finally:
        await connection.close()
    return dict(row or {})


async def all_mailed(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    """Return when so many mails were sent."""
    async with asyncio.timeout(_DRAIN_SECONDS):
        while True:
            sent = await connection.fetchval("SELECT count(*) FROM emails WHERE status = 'sent'")
            if sent >= count:
                return
            await asyncio.sleep(0.02)


_WAITING: Final = """
    SELECT (SELECT count(*) FROM outbox) AS relay,
        (SELECT count(*) FROM uploads WHERE request_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = uploads.request_id)) AS consumer,
        (SELECT count(*) FROM job WHERE status IN ('none-executed', 'executing')) AS runner,
        (SELECT count(*) FROM emails WHERE status IN ('queued', 'sending')) AS sender
"""
