"""Measures how the rate grows with the number of runners on one database: 1, 2, 4 and 8.

The engine takes a fixed time for each program and no CPU time, as executors on other machines would. So the rate
doubles with the runners until this machine's processors, the database or a lock is the limit.

All runners run from the start, and those that do not take part are frozen. The submissions of a round wait as jobs
before it begins.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.findings import Finding
from benchmarks.load import posts
from benchmarks.processes import service
from benchmarks.surroundings import Installation, Surroundings
from benchmarks.sustained import drain, frozen, null_engine

_RUNNERS: Final = (1, 2, 4, 8)
#: Programs that each runner runs at once, and the seconds that the engine takes for one.
_SLOTS: Final = 4
_ENGINE_SECONDS: Final = 0.2
#: Seconds of work in a round. Three rounds take turns.
_SECONDS: Final = 6
_ROUNDS: Final = 3
_TARGET: Final = 1.8
#: Below this share of the time, the processors are not full.
_FULL: Final = 0.85
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Round:
    """Jobs a second, the share of the processors' time that was used, and the seconds that jobs waited for a runner."""

    rate: float
    used: float
    waited: list[float]


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    numbers = count(1)
    rounds: dict[int, list[_Round]] = {runners: [] for runners in _RUNNERS}
    with null_engine(_ENGINE_SECONDS) as codex_url, ExitStack() as stack:
        ours = surroundings.installation(codex_url=codex_url, runner_concurrency=str(_SLOTS))
        for module in ("api_service", "queue_consumer"):
            stack.enter_context(service(module, ours.environment))
        pids = [stack.enter_context(service("job_runner", ours.environment)) for _ in range(max(_RUNNERS))]
        asyncio.run(posts(ours.url, islice(numbers, 200)))  # fills caches and prepares statements
        asyncio.run(drain(ours))
        for _ in range(_ROUNDS):
            for runners, done in rounds.items():
                done.append(_round(ours, pids, runners, numbers))
    rates = {runners: statistics.median(one.rate for one in done) for runners, done in rounds.items()}
    for fewer, runners in pairwise(_RUNNERS):
        ratio = rates[runners] / rates[fewer]
        used = statistics.median(one.used for one in rounds[runners])
        waited = [seconds for one in rounds[runners] for seconds in one.waited]
        most = runners * _SLOTS / _ENGINE_SECONDS
        yield Finding(
            measure=f"{runners} runners on one database",
            ours=f"{rates[runners]:.0f}/s of {most:.0f}/s possible; processors {100 * used:.0f} % busy; a job waited"
            f" {statistics.median(waited):.1f} s, at most {max(waited):.1f} s",
            beside=f"{fewer} runner{'s' * (fewer > 1)} {rates[fewer]:.0f}/s",
            ratio=ratio,
            target=f">= {_TARGET:g}x until the processors are full",
            met=ratio >= _TARGET or used >= _FULL,
            details={"rates": [one.rate for one in rounds[runners]], "used": [one.used for one in rounds[runners]]},
        )


def _round(ours: Installation, pids: list[int], runners: int, numbers: Iterator[int]) -> _Round:
    jobs = round(_SECONDS * runners * _SLOTS / _ENGINE_SECONDS)
    with frozen(pids[runners:]):
        with frozen(pids[:runners]):
            asyncio.run(posts(ours.url, islice(numbers, jobs)))
            asyncio.run(drain(ours, ("relay", "consumer")))
            began, busy = time.time(), _busy_seconds()
        asyncio.run(drain(ours, ("runner",)))
        used = (_busy_seconds() - busy) / (time.time() - began)
        rate, waited = asyncio.run(_rate(ours, began, jobs))
        asyncio.run(drain(ours))
    return _Round(rate, used, waited)


async def _rate(ours: Installation, began: float, jobs: int) -> tuple[float, list[float]]:
    """Return the rate of the middle four fifths of the newest `jobs`, and how long each waited since `began`."""
    connection = await asyncpg.connect(ours.database_url)
    try:
        rows = await connection.fetch(_TIMES, jobs)
    finally:
        await connection.close()
    finished = sorted(row["finished"] for row in rows)
    first, last = len(finished) // 10, len(finished) * 9 // 10
    return (last - first) / (finished[last] - finished[first]), [max(0.0, row["started"] - began) for row in rows]


_TIMES: Final = """
    SELECT CAST(extract(epoch FROM started_at) AS float8) AS started,
        CAST(extract(epoch FROM finished_at) AS float8) AS finished
    FROM job ORDER BY id DESC LIMIT $1
"""


def _busy_seconds() -> float:
    """Return how long the processors were busy since the start of the machine, as a mean of all (proc(5))."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS / (os.cpu_count() or 1)
