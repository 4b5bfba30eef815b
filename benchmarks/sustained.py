"""Measures the rate of the whole pipeline through RabbitMQ, with an engine that does nothing, and finds its bottleneck.

All parts and the client share one machine, so the pipeline's rate is compared with that of the API alone. Both are
measured in turn, a second or two each, on one installation whose other services are frozen in the API's turn. So the
machine's other load affects both.
"""

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

import asyncpg

from benchmarks.findings import Finding, median_ratio
from benchmarks.load import classic_pairs
from benchmarks.processes import cpu_of, process, services
from benchmarks.surroundings import Installation, Surroundings
from precieux.host.ports import free_ports
from tests.fixtures.ports import answers

SERVICES: Final = ("api_service", "queue_consumer", "job_runner")
_ROUNDS: Final = 9
_PAIRS: Final = 500
_TARGET: Final = 0.6
_DRAIN_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Run:
    """One burst of `_PAIRS` submissions, from the first request to the last mail."""

    rate: float
    #: CPU time of each part for one submission, in milliseconds. The machine's other load changes it least.
    cpu_ms: dict[str, float]
    #: The number of waiting messages, jobs and mails by place when the last request had been accepted.
    waiting: dict[str, int]


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    accepted: list[float] = []
    runs: list[Run] = []
    numbers = count(1)
    with null_engine() as codex_url:
        whole = surroundings.installation(rabbitmq=True, codex_url=codex_url, runner_concurrency="8")
        with services(SERVICES, whole.environment) as pids:
            others = [pid for module, pid in pids.items() if module != "api_service"]
            pids |= {"postgres": surroundings.postgres.pid or 0, "rabbitmq": surroundings.rabbitmq_pid}
            asyncio.run(_carry(whole, islice(numbers, 100)))  # fills caches and prepares statements
            for _ in range(_ROUNDS):
                with frozen(others):
                    accepted.append(asyncio.run(classic_pairs(whole.url, islice(numbers, _PAIRS))).rate)
                asyncio.run(drain(whole))
                runs.append(measured(whole, pids, islice(numbers, _PAIRS)))
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
        details={
            "ratios": [run.rate / alone for run, alone in zip(runs, accepted, strict=True)],
            "accepted": accepted,
            "carried": [run.rate for run in runs],
            "cpu_ms": cpu_ms,
            "waiting": waiting,
        },
    )
    first = max(waiting, key=lambda place: waiting[place])
    yield Finding(
        measure="... and its bottleneck",
        ours=f"{first} ({waiting[first]:.0f} of {_PAIRS} waited there)",
        beside="CPU ms each: " + ", ".join(f"{part} {spent:.1f}" for part, spent in cpu_ms.items()),
    )


@contextmanager
def null_engine() -> Iterator[str]:
    """Run an engine that runs nothing, and yield its address."""
    (port,) = free_ports(1)
    with process([sys.executable, "-m", "benchmarks.null_engine", str(port)], {}):
        deadline = time.monotonic() + 30
        while not answers(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Stop the processes by SIGSTOP for the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def measured(whole: Installation, pids: dict[str, int], numbers: Iterable[int]) -> Run:
    started = time.perf_counter()
    with cpu_of(pids) as spent:
        waiting = asyncio.run(_carry(whole, numbers))
    seconds = time.perf_counter() - started
    return Run(_PAIRS / seconds, {part: 1000 * each / _PAIRS for part, each in spent.items()}, waiting)


async def _carry(whole: Installation, numbers: Iterable[int]) -> dict[str, int]:
    """Submit, and wait for the last mail. Return how much waited in each place after the last request."""
    await classic_pairs(whole.url, numbers)
    return await drain(whole)


async def drain(whole: Installation) -> dict[str, int]:
    """Wait until all places are empty. Return how much waited in each place at first."""
    # As for the services: a poll that scanned whole tables would be a part of what is measured.
    connection = await asyncpg.connect(whole.database_url, server_settings={"enable_seqscan": "off"})
    try:
        first = waiting = await _waiting(connection)
        async with asyncio.timeout(_DRAIN_SECONDS):
            while any(waiting.values()):
                await asyncio.sleep(0.02)
                waiting = await _waiting(connection)
    finally:
        await connection.close()
    return first


async def _waiting(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    return dict(await connection.fetchrow(_WAITING) or {})


_WAITING: Final = """
    SELECT (SELECT count(*) FROM outbox) AS relay,
        (SELECT count(*) FROM uploads WHERE request_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = uploads.request_id)) AS consumer,
        (SELECT count(*) FROM job WHERE status = 'none-executed')
            + (SELECT count(*) FROM job WHERE status = 'executing') AS runner,
        (SELECT count(*) FROM batches WHERE finished_at IS NULL) AS batches,
        (SELECT count(*) FROM emails WHERE status = 'queued')
            + (SELECT count(*) FROM emails WHERE status = 'sending') AS sender
"""
