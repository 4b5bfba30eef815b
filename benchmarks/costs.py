"""Measures the CPU time of each part for one submission: `python -m benchmarks.costs`.

CPU time depends less than rates on the machine's other load. docs/scaling.md computes from it how many of each part a
day's submissions need. The store is moto's server, which says nothing about S3, so only the time that our own processes
spend on it counts. The load is small on purpose: four clients, and a program that takes no time.
"""

import argparse
import asyncio
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks import report
from benchmarks.cpu_meter import rest
from benchmarks.engine import engine
from benchmarks.findings import Finding
from benchmarks.load import classic_pairs
from benchmarks.processes import cpu_seconds, services
from benchmarks.surroundings import Installation, surroundings
from benchmarks.sustained import SERVICES, all_mailed
from shared.logging import LogSettings, configure_logging

_RESULTS: Final = Path(__file__).parent / "results" / "costs.json"
_ROUNDS: Final = 5
_SUBMISSIONS: Final = 200
_WARM_UP: Final = 50
_CONNECTIONS: Final = 4

#: Counters of Postgres' work. Only differences have a meaning.
_WORK: Final = """
    SELECT xact_commit AS "commits", pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') / 1024 AS "KiB of log",
        pg_database_size(datname) / 1024.0 AS "KiB that stay"
    FROM pg_stat_database WHERE datname = current_database()
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for the figures, as JSON")
    chosen = parser.parse_args()
    configure_logging("benchmark", LogSettings(log_level="WARNING"))
    rounds: list[dict[str, float]] = []
    with ExitStack() as stack:
        around = stack.enter_context(surroundings())
        executor = stack.enter_context(engine())
        ours = around.installation(rabbitmq=True, s3=True, codex_url=executor.url)
        pids = stack.enter_context(services(SERVICES, ours.environment))
        pids |= {"postgres": around.postgres.pid or 0, "rabbitmq": around.rabbitmq_pid}

        async def spent() -> dict[str, float]:
            """Wait until all is idle, and return the milliseconds so far."""
            await rest(executor.meter, patience=5)
            parts = {part: 1000 * cpu_seconds(pid, below=True) for part, pid in pids.items()}
            return parts | {"executor": 1000 * executor.meter.seconds()} | await _work(ours)

        asyncio.run(_carry(ours, range(1, _WARM_UP + 1)))
        for number in range(_ROUNDS):
            first = _WARM_UP + 1 + number * _SUBMISSIONS
            before, started = asyncio.run(spent()), time.monotonic()
            asyncio.run(_carry(ours, range(first, first + _SUBMISSIONS)))
            after, took = asyncio.run(spent()), time.monotonic() - started
            rounds.append({part: (after[part] - before[part]) / _SUBMISSIONS for part in before})
            print(f"round {number + 1}: {took:.0f} s", file=sys.stderr, flush=True)
    findings = [_finding(part, [each[part] for each in rounds]) for part in rounds[0]]
    report.write(report.record(findings, command="python -m benchmarks.costs"), chosen.output)
    report.show(findings)
    return 0


async def _carry(ours: Installation, numbers: range) -> None:
    connection = await asyncpg.connect(ours.database_url)
    try:
        await classic_pairs(ours.url, numbers, connections=_CONNECTIONS)
        await all_mailed(connection, numbers.stop - 1)
    finally:
        await connection.close()


async def _work(ours: Installation) -> dict[str, float]:
    connection = await asyncpg.connect(ours.database_url)
    try:
        row = await connection.fetchrow(_WORK)
    finally:
        await connection.close()
    return {name: float(value) for name, value in dict(row or {}).items()}


def _finding(part: str, each: list[float]) -> Finding:
    unit = "" if part[0] in "Kc" else " ms of CPU"
    return Finding(
        measure=f"{part}, for each submission",
        ours=f"{statistics.median(each):.2f}{unit}",
        beside=f"rounds {min(each):.2f} to {max(each):.2f}",
        ratio=None,
        target="",
        met=None,
        details={"each": each},
    )


if __name__ == "__main__":
    sys.exit(main())
