"""`python -m benchmarks.placement 8` measures how runs spread over so many executors, which share this machine.

Programs sleep, so that the executors' slots decide and not the processors.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import time
from contextlib import ExitStack
from itertools import count
from typing import Final
from unittest.mock import patch

from pydantic_core import to_json

from benchmarks.processes import service
from precieux.host.ports import free_ports
from shared.adapters.engine.engines import Engines
from shared.adapters.engine.load import Busyness
from shared.adapters.engine.settings import EngineSettings
from shared.engine_api.run_call.events import TestEnded

_SLOTS: Final = 2
#: The measurement of throughput: runs for each slot, and seconds for which each sleeps.
_RUNS: Final = 12
_SLEEP_S: Final = 0.5
#: The measurement of waits: its seconds, the share of the slots that is used, how many runs are long, and the sleeps.
_SECONDS: Final = 60
_USED: Final = 0.7
_LONG: Final = 0.02
_LONG_S: Final = 10.0
_SHORT_S: Final = 0.02
_NUMBERS: Final = count()


async def _wait_of(engines: Engines, sleep_s: float) -> float:
    """Return the seconds of a run beyond the time that its program took."""
    files = [{"path": "main.py", "content": f"import time; time.sleep({sleep_s})  # {next(_NUMBERS)}"}]
    program = to_json({"language": "python", "files": files, "tests": [{"limits": {"wall_s": 60}}]})
    began, took = time.monotonic(), 0.0
    async for event in engines.run_program(program, share="key-1"):
        took += event.wall_s if isinstance(event, TestEnded) else 0.0
    return time.monotonic() - began - took


async def _of_linear(engines: Engines, slots: int) -> float:
    """Return the share of the time of all slots in which a program slept."""
    began, left = time.monotonic(), iter(range(slots * _RUNS))

    async def client() -> None:
        for _ in left:
            await _wait_of(engines, _SLEEP_S)

    await asyncio.gather(*(client() for _ in range(slots)))
    return round(_SLEEP_S * _RUNS / (time.monotonic() - began), 3)


async def _waits(engines: Engines, slots: int) -> dict[str, float]:
    """Return the waits of the short runs that come at random."""
    pace = _USED * slots / (_LONG * _LONG_S + (1 - _LONG) * _SHORT_S)
    dice = random.Random(1)
    short: list[asyncio.Task[float]] = []
    long: list[asyncio.Task[float]] = []
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        runs, sleep_s = (long, _LONG_S) if dice.random() < _LONG else (short, _SHORT_S)
        runs.append(asyncio.create_task(_wait_of(engines, sleep_s)))
        await asyncio.sleep(dice.expovariate(pace))
    cuts = statistics.quantiles(await asyncio.gather(*short), n=100)
    await asyncio.gather(*long)
    return {name: round(cuts[at], 3) for name, at in (("p50_s", 49), ("p90_s", 89), ("p99_s", 98))}


async def _measure(urls: str, executors: int) -> dict[str, object]:
    engines, slots = Engines(EngineSettings(codex_url=urls), is_patient=True), executors * _SLOTS
    try:
        await _of_linear(engines, slots)  # so that boxes stand ready
        found: dict[str, object] = {"executors": executors, "of_linear": await _of_linear(engines, slots)}
        found["less_busy_of_two"] = await _waits(engines, slots)
        with patch.object(Busyness, "order", lambda *_: 0):
            found["random"] = await _waits(engines, slots)
        return found
    finally:
        await engines.close()


def main(executors: int) -> int:
    ports = free_ports(executors)
    with ExitStack() as stack:
        for port in ports:
            values = {"PRECIEUX_EXECUTOR_PORT": str(port), "PRECIEUX_EXECUTOR_SLOTS": str(_SLOTS)}
            environment = {"PATH": os.environ.get("PATH", os.defpath), "PRECIEUX_LOG_LEVEL": "WARNING", **values}
            stack.enter_context(service("tests.tuned_executor", environment, ["check_languages=false"]))
        found = asyncio.run(_measure(",".join(f"http://127.0.0.1:{port}" for port in ports), executors))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
