"""Measures how evenly 16 clients are served that each wait for one result after the other, through API v1.

The clients are more than the machine has processors, so programs wait for their turn. A fair system lets all of them
wait about as long.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.engine import engine
from benchmarks.findings import Finding
from benchmarks.load import Client
from benchmarks.processes import services
from benchmarks.programs import HELLO, numbers
from benchmarks.surroundings import Surroundings

_CLIENTS: Final = 16
#: Submissions of each client. The first ones are not counted, because a consumer takes its first hundred one by one.
_WARM_UP: Final = 10
_COUNTED: Final = 60
_TARGET: Final = 5.0


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with engine() as executor:
        ours = surroundings.installation(codex_url=executor.url)
        with services(("api_service", "queue_consumer", "job_runner"), ours.environment):
            started = time.perf_counter()
            seconds = asyncio.run(_all_clients(ours.url))
            rate = _CLIENTS * (_WARM_UP + _COUNTED) / (time.perf_counter() - started)
    half, last = statistics.median(seconds), statistics.quantiles(seconds, n=100)[-1]
    yield Finding(
        measure=f"{_CLIENTS} clients that wait for results",
        ours=f"99th percentile {1000 * last:.0f} ms ({rate:.0f}/s, load average {os.getloadavg()[0]:.0f})",
        beside=f"median {1000 * half:.0f} ms",
        ratio=last / half,
        target=f"<= {_TARGET:g}x",
        met=last <= _TARGET * half,
        details={"ms": [round(1000 * one, 1) for one in seconds]},
    )


async def _all_clients(url: str) -> list[float]:
    number = numbers()
    seconds: list[float] = []

    async def post_and_wait(client: Client) -> float:
        started = time.perf_counter()
        await client.result({"language": "py", "source": HELLO["py"].source(next(number))})
        return time.perf_counter() - started

    async def work() -> None:
        client = await Client.connect(url)
        try:
            for _ in range(_WARM_UP):
                await post_and_wait(client)
            seconds.extend([await post_and_wait(client) for _ in range(_COUNTED)])
        finally:
            client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS):
            group.create_task(work())
    return seconds
