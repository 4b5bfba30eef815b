"""Compares one submission of 100 tests with 100 submissions, in C++ with `<bits/stdc++.h>`.

Every submission has a source of its own, which no cache knows. The 100 submissions come over 16 connections.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.engine import engine
from benchmarks.findings import Finding, median_ratio
from benchmarks.load import Client
from benchmarks.processes import services
from benchmarks.programs import HELLO, Program, numbers
from benchmarks.surroundings import Surroundings

_PROGRAM: Final[Program] = HELLO["cpp"]
_ROUNDS: Final = 5
_TESTS: Final = 100
_CONNECTIONS: Final = 16
#: Seconds for the executor's preparations after its start, and between two measurements.
_START_SECONDS: Final = 15.0
_REST_SECONDS: Final = 1.0
_TARGET: Final = 10.0


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with engine() as executor:
        ours = surroundings.installation(codex_url=executor.url)
        with services(("api_service", "queue_consumer", "job_runner"), ours.environment):
            together_s, alone_s = asyncio.run(_rounds(ours.url))
    ratio = median_ratio(alone_s, together_s)
    yield Finding(
        measure=f"{_TESTS} tests, C++ with <bits/stdc++.h>",
        ours=f"one submission {statistics.median(together_s):.2f} s",
        beside=f"{_TESTS} submissions {statistics.median(alone_s):.2f} s",
        ratio=ratio,
        target=f">= {_TARGET:g}x as fast",
        met=ratio >= _TARGET,
        details={"one_submission_s": together_s, "submissions_s": alone_s},
    )


async def _rounds(url: str) -> tuple[list[float], list[float]]:
    number = numbers()
    together_s: list[float] = []
    alone_s: list[float] = []
    await asyncio.sleep(_START_SECONDS)
    for _ in range(_ROUNDS + 1):
        together_s.append(await _seconds(url, iter([_submission(next(number), _TESTS)])))
        await asyncio.sleep(_REST_SECONDS)
        alone_s.append(await _seconds(url, (_submission(next(number), 1) for _ in range(_TESTS))))
        await asyncio.sleep(_REST_SECONDS)
    # The first round fills caches and prepares statements.
    return together_s[1:], alone_s[1:]


async def _seconds(url: str, submissions: Iterator[dict[str, object]]) -> float:
    """Return the seconds until all submissions have their results."""
    clients = [await Client.connect(url) for _ in range(_CONNECTIONS)]

    async def submit_some(client: Client) -> None:
        for submission in submissions:
            await client.result(submission)

    try:
        started = time.perf_counter()
        await asyncio.gather(*(submit_some(client) for client in clients))
        return time.perf_counter() - started
    finally:
        for client in clients:
            client.close()


def _submission(number: int, tests: int) -> dict[str, object]:
    test = {"stdin": _PROGRAM.input, "expected_output": _PROGRAM.expected(number)}
    return {"language": _PROGRAM.language, "source": _PROGRAM.source(number), "tests": [test] * tests}
