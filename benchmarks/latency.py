"""Compares the time from a request to its stored result, with idle queues, with the executor's own answer."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import httpx

from benchmarks.findings import Finding
from benchmarks.load import Client
from benchmarks.processes import services
from benchmarks.surroundings import Installation, Surroundings
from shared import channels
from tests.fixtures.executor import running_executor

_ROUNDS: Final = 60
_PROGRAM: Final = b"print('hello')\n"
_FACTOR: Final = 1.3
_MARGIN_MS: Final = 15.0


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with running_executor() as executor:
        ours = surroundings.installation(codex_url=executor.url)
        with services(("api_service", "queue_consumer", "job_runner"), ours.environment):
            executor_ms, pipeline_ms = asyncio.run(_rounds(ours, executor.url))
    executor_median, pipeline_median = statistics.median(executor_ms), statistics.median(pipeline_ms)
    allowed = _FACTOR * executor_median + _MARGIN_MS
    yield Finding(
        measure="request to stored result, idle queues",
        ours=f"median {pipeline_median:.1f} ms",
        beside=f"executor alone {executor_median:.1f} ms",
        ratio=pipeline_median / executor_median,
        target=f"<= {_FACTOR:g}x + {_MARGIN_MS:g} ms = {allowed:.1f} ms",
        met=pipeline_median <= allowed,
        details={"executor_ms": executor_ms, "pipeline_ms": pipeline_ms},
    )


async def _rounds(ours: Installation, executor_url: str) -> tuple[list[float], list[float]]:
    client = await Client.connect(ours.url)
    listening = await asyncpg.connect(ours.database_url)
    stored = asyncio.Event()

    def note(*_: Any) -> None:
        stored.set()

    # The transaction that stores the result notifies of the mail, so this comes as soon as the result is visible.
    await listening.add_listener(channels.EMAILS, note)
    executor_ms: list[float] = []
    pipeline_ms: list[float] = []
    try:
        async with httpx.AsyncClient(timeout=60) as http:
            for number in range(1, _ROUNDS + 1):
                started = time.perf_counter()
                answer = await http.post(executor_url, json={"code": _PROGRAM.decode(), "language": "py", "input": ""})
                executor_ms.append(1000 * (time.perf_counter() - started))
                answer.raise_for_status()
                await client.submit(number, email="latency@example.com", inputs="", source=_PROGRAM)
                await asyncio.sleep(0.05)
                stored.clear()
                started = time.perf_counter()
                await client.check(number)
                async with asyncio.timeout(30):
                    await stored.wait()
                pipeline_ms.append(1000 * (time.perf_counter() - started))
                await asyncio.sleep(0.05)
    finally:
        client.close()
        await listening.close()
    # The first rounds fill caches and prepare statements.
    return executor_ms[5:], pipeline_ms[5:]
