"""Compares the model with this machine: `python -m benchmarks.simulation.validation`.

Each round measures the rate of the whole pipeline with an engine that does nothing, what each part spends meanwhile,
and how much of the machine other programs take. Then the model predicts the rate from these costs. It knows nothing of
the measured rate, but the order of the work, what is done one after the other, and how many cores there are.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks import report
from benchmarks.findings import Finding
from benchmarks.load import classic_pairs
from benchmarks.processes import cpu_seconds, services
from benchmarks.simulation.one_machine import Burst, rate
from benchmarks.surroundings import Installation, Surroundings, surroundings
from benchmarks.sustained import PAIRS, SERVICES, Run, drain, frozen, measured, null_engine
from shared.logging import LogSettings, configure_logging

_RESULTS: Final = Path(__file__).parents[1] / "results" / "simulation-validation.json"
_ROUNDS: Final = 9
_CLIENTS: Final = 16
#: Submissions that are only accepted, while the consumer and the runner stand still. Heartbeats must not be missed.
_ACCEPTED: Final = 100
_RUNNER_SLOTS: Final = 8
#: The bound of ADR 144.
WITHIN: Final = 0.15
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_COMMITS: Final = 50


def main() -> int:
    """Measure and predict. Return 1 if the prediction is too far off."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation.validation", description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for the figures, as JSON")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    chosen = parser.parse_args()
    configure_logging("benchmark", LogSettings(log_level="WARNING"))
    with surroundings() as around:
        finding = _compare(around, chosen.rounds)
    report.write(report.record([finding], command="python -m benchmarks.simulation.validation"), chosen.output)
    report.show([finding])
    return int(finding.met is False)


def _compare(around: Surroundings, rounds: int) -> Finding:
    carried: list[float] = []
    predicted: list[float] = []
    details = []
    numbers = count(1)
    with null_engine() as codex_url:
        whole = around.installation(rabbitmq=True, codex_url=codex_url, runner_concurrency=str(_RUNNER_SLOTS))
        with services(SERVICES, whole.environment) as pids:
            others = [pid for module, pid in pids.items() if module != "api_service"]
            pids |= {"postgres": around.postgres.pid or 0, "rabbitmq": around.rabbitmq_pid}
            measured(whole, pids, islice(numbers, PAIRS))  # fills caches and prepares statements
            for _ in range(rounds):
                with frozen(others):
                    before = cpu_seconds(pids["postgres"], below=True)
                    asyncio.run(classic_pairs(whole.url, islice(numbers, _ACCEPTED), connections=_CLIENTS))
                    accepting = (cpu_seconds(pids["postgres"], below=True) - before) / _ACCEPTED
                asyncio.run(drain(whole))
                commit = asyncio.run(_commit_seconds(whole))
                with _load_of_others(pids) as free:
                    run = measured(whole, pids, islice(numbers, PAIRS))
                burst = _burst(run, accepting, commit)
                carried.append(run.rate)
                predicted.append(rate(burst, cores=os.cpu_count() or 1, free=free[0]))
                details.append({"free": free[0], "commit_ms": 1000 * commit, "cpu_ms": run.cpu_ms})
    ratio = statistics.median(guess / truth for guess, truth in zip(predicted, carried, strict=True))
    return Finding(
        measure="rate of the pipeline, null engine: predicted by the model",
        ours=f"{statistics.median(predicted):.0f}/s",
        beside=f"measured {statistics.median(carried):.0f}/s",
        ratio=ratio,
        target=f"within {WITHIN:.0%}",
        met=abs(ratio - 1) <= WITHIN,
        details={"predicted": predicted, "measured": carried, "rounds": details},
    )


def _burst(run: Run, accepting: float, commit: float) -> Burst:
    seconds = {part: spent / 1000 for part, spent in run.cpu_ms.items()}
    return Burst(
        submissions=PAIRS,
        clients=_CLIENTS,
        client=seconds["client"],
        api=seconds["api_service"],
        consumer=seconds["queue_consumer"],
        runner=seconds["job_runner"],
        rabbitmq=seconds["rabbitmq"],
        postgres_accepting=min(accepting, seconds["postgres"]),
        postgres_after=max(seconds["postgres"] - accepting, 0.0),
        commit=commit,
        runner_slots=_RUNNER_SLOTS,
    )


@contextmanager
def _load_of_others(pids: dict[str, int]) -> Iterator[list[float]]:
    """Yield a list that afterwards holds the part of the machine that other programs left to us and to idleness."""
    free: list[float] = []
    ours, busy, began = _ours(pids), _busy(), time.perf_counter()
    yield free
    seconds = (time.perf_counter() - began) * (os.cpu_count() or 1)
    others = (_busy() - busy) - (_ours(pids) - ours)
    free.append(min(1.0, max(0.01, 1 - others / seconds)))


def _ours(pids: dict[str, int]) -> float:
    return sum(cpu_seconds(pid, below=True) for pid in pids.values()) + time.process_time()


def _busy() -> float:
    """Return the seconds for which all cores together worked, or belonged to another virtual machine (proc(5))."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


async def _commit_seconds(whole: Installation) -> float:
    """Return the median time of a commit on an idle server, with the round trip."""
    connection = await asyncpg.connect(whole.database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS commits (n int)")
        took = []
        for number in range(_COMMITS):
            began = time.perf_counter()
            await connection.execute("INSERT INTO commits VALUES ($1)", number)
            took.append(time.perf_counter() - began)
    finally:
        await connection.close()
    return statistics.median(took)


if __name__ == "__main__":
    sys.exit(main())
