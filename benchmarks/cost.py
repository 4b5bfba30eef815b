"""Measures the CPU time of each process for one submission of each kind, with an engine that does nothing.

This is what an operator pays: the rate of a machine is its CPU time by that of a submission.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from itertools import count, islice
from typing import Final

from benchmarks.findings import Finding
from benchmarks.load import classic_pairs, mailed, posts, program
from benchmarks.processes import cpu_of, services
from benchmarks.surroundings import Installation, Surroundings
from benchmarks.sustained import SERVICES, drain, null_engine

_ROUNDS: Final = 5
_SUBMISSIONS: Final = 300
_BATCH: Final = 100
#: One by one, a consumer takes its first hundred messages.
_WARM_UP: Final = 200
_numbers: Final = count(1 << 40)  # the ids that the server assigns are far below
_TESTS: Final = [{"stdin": "1000", "expected_output": "42"}] * 10

#: Sends this many submissions to an address.
Send = Callable[[str, int], Awaitable[object]]


def _batches(url: str, submissions: int) -> Awaitable[object]:
    batch = {"submissions": [program()] * _BATCH}
    return posts(url, [batch] * (submissions // _BATCH), path="/v1/batches", connections=1)


KINDS: Final[dict[str, Send]] = {
    "classic pair": lambda url, submissions: classic_pairs(url, islice(_numbers, submissions)),
    "v1, no recipient": lambda url, submissions: posts(url, [program()] * submissions),
    "v1, mailed": lambda url, submissions: posts(url, mailed(range(submissions))),
    "v1, 10 tests": lambda url, submissions: posts(url, [program(stdin=None, tests=_TESTS)] * submissions),
    f"v1, batches of {_BATCH}": _batches,
    "v1, not stored": lambda url, submissions: posts(url, [program()] * submissions, path="/v1/run", status=200),
}


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with ExitStack() as stack:
        codex_url = stack.enter_context(null_engine())
        for name, chosen in (("postgres, folder", False), ("rabbitmq, s3", True)):
            ours = surroundings.installation(rabbitmq=chosen, s3=chosen, codex_url=codex_url, runner_concurrency="8")
            with services(SERVICES, ours.environment) as pids:
                pids |= {"postgres": surroundings.postgres.pid or 0}
                if chosen:
                    pids |= {"rabbitmq": surroundings.rabbitmq_pid}
                yield from _costs(name, ours, pids)


def _costs(name: str, ours: Installation, pids: dict[str, int]) -> Iterator[Finding]:
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for kind in KINDS:  # fills caches and prepares statements
        cost_of(kind, ours, pids, _WARM_UP)
    for _ in range(_ROUNDS):
        for kind, costs in rounds.items():
            costs.append(cost_of(kind, ours, pids, _SUBMISSIONS))
    for kind, costs in rounds.items():
        rounds_of = {part: [cost[part] for cost in costs] for part in costs[0]}
        parts = {part: statistics.median(spent) for part, spent in rounds_of.items()}
        yield Finding(
            measure=f"CPU time of a submission, {kind} ({name})",
            ours=f"{sum(parts.values()):.2f} ms",
            beside=", ".join(f"{part} {spent:.2f}" for part, spent in parts.items()),
            details={"cpu_ms": rounds_of},
        )


def cost_of(kind: str, ours: Installation, pids: dict[str, int], submissions: int) -> dict[str, float]:
    """Return the CPU milliseconds of each process for one submission, from the request to the last mail."""

    async def carry() -> None:
        await KINDS[kind](ours.url, submissions)
        await drain(ours)

    with cpu_of(pids) as spent:
        asyncio.run(carry())
    return {part: 1000 * seconds / submissions for part, seconds in spent.items()}
