"""Compares `POST /v1/submissions` with the classic pair, on one API in turns, over 16 connections.

Both register a submission whose run is requested at once. Only the API runs, and no other service slows it down.
"""

import asyncio
from collections.abc import Iterator
from itertools import count, islice
from typing import Final

from benchmarks.classic import shown
from benchmarks.findings import Finding, median_ratio
from benchmarks.load import Load, classic_pairs, mailed, posts
from benchmarks.processes import service
from benchmarks.surroundings import Surroundings

_ROUNDS: Final = 7
_SUBMISSIONS: Final = 600
_TARGET: Final = 1.3


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    ours = surroundings.installation()
    numbers = count(1 << 40)  # the ids that the server assigns are far below
    loads: dict[str, list[Load]] = {"posts": [], "pairs": []}
    with service("api_service", ours.environment):
        asyncio.run(classic_pairs(ours.url, islice(numbers, 100)))  # fills caches and prepares statements
        asyncio.run(posts(ours.url, mailed(range(100))))
        for _ in range(_ROUNDS):
            loads["pairs"].append(asyncio.run(classic_pairs(ours.url, islice(numbers, _SUBMISSIONS))))
            loads["posts"].append(asyncio.run(posts(ours.url, mailed(range(_SUBMISSIONS)))))
    ratio = median_ratio([load.rate for load in loads["posts"]], [load.rate for load in loads["pairs"]])
    yield Finding(
        measure="POST /v1/submissions",
        ours=shown(loads["posts"]),
        beside=f"classic pair {shown(loads['pairs'])}",
        ratio=ratio,
        target=f">= {_TARGET:g}x",
        met=ratio >= _TARGET,
        details={
            side: [{"rate": load.rate, "median_ms": load.median_ms, "p95_ms": load.p95_ms} for load in side_loads]
            for side, side_loads in loads.items()
        },
    )
