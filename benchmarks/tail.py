"""Measures how long Python programs take at 70 % load: `python -m benchmarks.tail`.

Load that comes at random times, and does not wait for answers, shows what a client meets on a busy machine.
"""

import asyncio
import random
import statistics
import time
from collections import deque
from typing import Final

from benchmarks.engine import ask, engine
from benchmarks.load import Client
from benchmarks.programs import HELLO, Program, numbers

_PROGRAM: Final[Program] = HELLO["py"]
_CONNECTIONS: Final = 4
_FULL_SECONDS: Final = 10.0
_LOAD: Final = 0.7
_PROGRAMS: Final = 3000


def main() -> None:
    """Print the rate at full load, and the median and the 99th percentile at 70 % of it."""
    with engine() as executor:
        rate, waits_ms = asyncio.run(_measured(executor.url))
    cuts = statistics.quantiles(waits_ms, n=100)
    print(f"full load: {rate:.0f}/s; at {_LOAD:.0%}: median {cuts[49]:.1f} ms, 99th percentile {cuts[98]:.1f} ms")


async def _measured(url: str) -> tuple[float, list[float]]:
    number = numbers()
    # In turn, because the server closes a connection that is not used for ten seconds.
    free = deque([await Client.connect(url) for _ in range(_CONNECTIONS)])

    async def run_for(client: Client, seconds: float) -> int:
        ends, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < ends:
            await ask(client, _PROGRAM, next(number))
            count += 1
        return count

    async def run_one() -> float:
        started = time.perf_counter()
        client = free.popleft() if free else await Client.connect(url)
        await ask(client, _PROGRAM, next(number))
        free.append(client)
        return 1000 * (time.perf_counter() - started)

    await asyncio.gather(*(run_for(client, 2) for client in free))  # fills caches
    rate = sum(await asyncio.gather(*(run_for(client, _FULL_SECONDS) for client in free))) / _FULL_SECONDS
    running = []
    for _ in range(_PROGRAMS):
        running.append(asyncio.create_task(run_one()))
        await asyncio.sleep(random.expovariate(_LOAD * rate))
    waits_ms = await asyncio.gather(*running)
    for client in free:
        client.close()
    return rate, list(waits_ms)


if __name__ == "__main__":
    main()
