"""Compares `POST /v1/submissions?wait=60`, on an idle installation, with the executor's answer to the same program."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.engine import ask, engine
from benchmarks.findings import Finding
from benchmarks.load import Client
from benchmarks.processes import services
from benchmarks.programs import HELLO, Program, numbers
from benchmarks.surroundings import Surroundings

_PROGRAM: Final[Program] = HELLO["py"]
_ROUNDS: Final = 80
#: Submissions before the first round. A consumer takes its first hundred messages one by one.
_WARM_UP: Final = 120
_PAUSE_SECONDS: Final = 0.05
_MARGIN_MS: Final = 5.0


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with engine() as executor:
        ours = surroundings.installation(codex_url=executor.url)
        with services(("api_service", "queue_consumer", "job_runner"), ours.environment):
            executor_ms, wait_ms = asyncio.run(_rounds(ours.url, executor.url))
    more = statistics.median(wait - alone for wait, alone in zip(wait_ms, executor_ms, strict=True))
    best = min(wait_ms) - min(executor_ms)
    yield Finding(
        measure="POST /v1/submissions?wait=60, idle",
        ours=f"median {statistics.median(wait_ms):.1f} ms, {more:.1f} more (the fastest ones: {best:.1f} more)",
        beside=f"executor alone {statistics.median(executor_ms):.1f} ms",
        ratio=statistics.median(wait_ms) / statistics.median(executor_ms),
        target=f"<= {_MARGIN_MS:g} ms more",
        met=more <= _MARGIN_MS,
        details={"executor_ms": executor_ms, "wait_ms": wait_ms},
    )


async def _rounds(url: str, executor_url: str) -> tuple[list[float], list[float]]:
    api = await Client.connect(url)
    number = numbers()
    executor_ms: list[float] = []
    wait_ms: list[float] = []
    for _ in range(_WARM_UP):
        await api.result(_submission(next(number)))
    # Now, because a connection without a request is closed after ten seconds.
    executor = await Client.connect(executor_url)
    try:
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            await ask(executor, _PROGRAM, next(number))
            executor_ms.append(1000 * (time.perf_counter() - started))
            await asyncio.sleep(_PAUSE_SECONDS)
            started = time.perf_counter()
            await api.result(_submission(next(number)))
            wait_ms.append(1000 * (time.perf_counter() - started))
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        api.close()
        executor.close()
    return executor_ms, wait_ms


def _submission(number: int) -> dict[str, object]:
    return {"language": _PROGRAM.language, "source": _PROGRAM.source(number)}
