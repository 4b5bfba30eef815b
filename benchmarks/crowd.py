"""Measures what a crowd adds to the cost of a submission: 20,000 waiting jobs, several runners, and a key's budgets.

Each is compared with the system without it, in turns, by CPU time, with an engine that does nothing.
"""

import asyncio
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Final, TypeAlias

from benchmarks.cost import cost_of
from benchmarks.findings import Finding, median_ratio
from benchmarks.load import posts, program
from benchmarks.processes import cpu_of, service
from benchmarks.surroundings import Installation, Surroundings, execute
from benchmarks.sustained import SERVICES, frozen, null_engine
from shared.records.accounts.api_keys import digest

_ROUNDS: Final = 7
_SUBMISSIONS: Final = 300
_KEY: Final = "a-key-with-budgets-for-the-benchmark"
_KIND: Final = "v1, no recipient"
#: Jobs of three keys' shares, as the consumer makes them, which are due in a day so that no runner takes them.
_WAITING: Final = """
    WITH posted AS (
        INSERT INTO uploads (language, filename, request_id, requested_at, runs, spec, content)
        SELECT 'py', 'main.py', gen_random_uuid(), now(), 1, '{}', 'print()' FROM generate_series(1, 20000)
        RETURNING id, request_id
    )
    INSERT INTO job (upload, job, request_id, owner, sender, turn, place, run_after)
    SELECT id, '{}', request_id, 1 + id % 3, 'a', id / 3, id / 3, now() + interval '1 day' FROM posted
"""
_MAKE_KEY: Final = f"""
    INSERT INTO api_keys (name, sha256, scopes) VALUES ('benchmark', '{digest(_KEY)}', '{{submit}}')
"""


#: A system, and its processes.
_Side: TypeAlias = tuple[Installation, dict[str, int]]
_Cost: TypeAlias = Callable[[Installation, dict[str, int]], dict[str, float]]


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with ExitStack() as stack:
        codex_url = stack.enter_context(null_engine())

        def side(*modules: str, fill: str = "") -> _Side:
            ours = surroundings.installation(codex_url=codex_url, runner_concurrency="8", key_budget="1000000")
            if fill:
                execute(ours.database_url, fill, "ANALYZE")
            started = [(module, stack.enter_context(service(module, ours.environment))) for module in modules]
            pids = {f"{module} {number}": pid for number, (module, pid) in enumerate(started)}
            return ours, pids | {"postgres": surroundings.postgres.pid or 0}

        alone = side("api_service")
        yield _compared("Postgres: POST beside 20,000 jobs", side("api_service", fill=_WAITING), alone, _posted, 1.2)
        ours, pids = side("api_service", fill=_MAKE_KEY)
        keyed = replace(ours, url=ours.url.replace("//", f"//:{_KEY}@")), pids
        yield _compared("POST by a key with budgets", keyed, alone, _posted)
        yield _compared("4 runners", side(*SERVICES, *SERVICES[2:] * 3), side(*SERVICES), _carried, 1.15)


def _posted(ours: Installation, pids: dict[str, int]) -> dict[str, float]:
    """Return the CPU milliseconds of each process for one POST."""
    with cpu_of(pids) as spent:
        asyncio.run(posts(ours.url, [program()] * _SUBMISSIONS))
    return {part: 1000 * seconds / _SUBMISSIONS for part, seconds in spent.items()}


def _carried(ours: Installation, pids: dict[str, int]) -> dict[str, float]:
    return cost_of(_KIND, ours, pids, _SUBMISSIONS)


def _compared(measure: str, crowd: _Side, alone: _Side, cost: _Cost, target: float | None = None) -> Finding:
    """Compare the CPU time of both sides: Postgres' alone if the measure says so."""
    sides, rounds = (crowd, alone), []
    for number in range(_ROUNDS + 1):
        costs = []
        for here, other in zip(sides, reversed(sides), strict=True):
            with frozen([pid for part, pid in other[1].items() if part != "postgres"]):
                costs.append(cost(*here))
        if number:  # the first round fills caches and prepares statements
            rounds.append(costs)
    parts = {"postgres"} if measure.startswith("Postgres") else None
    ours, beside = (
        [sum(ms for part, ms in costs[side].items() if parts is None or part in parts) for costs in rounds]
        for side in (0, 1)
    )
    ratio = median_ratio(ours, beside)
    return Finding(
        measure=measure,
        ours=f"{statistics.median(ours):.2f} ms",
        beside=f"alone {statistics.median(beside):.2f} ms",
        ratio=ratio,
        target="" if target is None else f"<= {target:g}x",
        met=None if target is None else ratio <= target,
        details={"cpu_ms": rounds},
    )
