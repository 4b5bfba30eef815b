"""Runs one program after the other, by the executor and by the bare command in turn: ratios of elapsed and CPU time.

Elapsed time is compared pair by pair, so that the machine's other load cancels out. CPU time is that of the whole
series, including the executor's work between requests and until it is idle after the last. It is also idle before each
bare command, so that the refilling of pools does not slow the command down.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.cpu_meter import cpu_of_children, rest
from benchmarks.engine import Answer, Engine, ask
from benchmarks.findings import Finding, median_ratio
from benchmarks.load import Client
from benchmarks.programs import HELLO, OTHERS, BareRun, Program, run_bare
from benchmarks.targets import CPU, LATENCY, SAME_SOURCE, Target

_REST_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The number of pairs for each program after the warm-up. After `seconds` no pair is started, except the first."""

    pairs: int
    seconds: float
    warm_up: int = 2


@dataclass(slots=True)
class Series:
    """The seconds of each pair, and the CPU seconds of all pairs."""

    ours_s: list[float] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)
    ours_cpu_s: float = 0.0
    bare_cpu_s: float = 0.0

    @property
    def latency_ratio(self) -> float:
        return median_ratio(self.ours_s, self.bare_s)

    @property
    def cpu_ratio(self) -> float:
        return self.ours_cpu_s / self.bare_cpu_s


@dataclass(frozen=True, slots=True)
class Bench:
    """The engine and the tools by language. `numbers` make each program a new one. `folder` is for temporary files."""

    engine: Engine
    tools: Mapping[str, Mapping[str, str]]
    numbers: Iterator[int]
    folder: Path


async def hello(bench: Bench, pace: Pace) -> AsyncIterator[Finding]:
    """Measure hello-worlds that were never sent before."""
    for code in bench.tools:
        series = await series_of(bench, HELLO[code], pace)
        for finding in findings(HELLO[code], series, LATENCY[code], CPU[code]):
            yield finding


async def same_source(bench: Bench, pace: Pace) -> AsyncIterator[Finding]:
    """Measure hello-worlds that were sent before. The bare command compiles them again."""
    for code, target in SAME_SOURCE.items():
        if code in bench.tools:
            series = await series_of(bench, HELLO[code], pace, again=next(bench.numbers))
            for finding in findings(HELLO[code], series, target, None, ", the same source again"):
                yield finding


async def others(bench: Bench, pace: Pace) -> AsyncIterator[Finding]:
    """Measure programs for which the executor is not tuned. They have no targets."""
    for program in OTHERS:
        if program.language in bench.tools:
            for finding in findings(program, await series_of(bench, program, pace), None, None):
                yield finding


def findings(
    program: Program, series: Series, latency: Target | None, cpu: Target | None, suffix: str = ""
) -> Iterator[Finding]:
    """Yield two lines: elapsed time and CPU time for each request."""
    name, pairs = f"{program.language}: {program.name}{suffix}", len(series.ours_s)
    for kind, ours_s, bare_s, ratio, target in (
        ("latency", statistics.median(series.ours_s), statistics.median(series.bare_s), series.latency_ratio, latency),
        ("CPU", series.ours_cpu_s / pairs, series.bare_cpu_s / pairs, series.cpu_ratio, cpu),
    ):
        rounds = {"ours_s": series.ours_s, "bare_s": series.bare_s} if kind == "latency" else {}
        yield Finding(
            measure=f"{kind}, {name}",
            ours=f"{1000 * ours_s:.1f} ms ({pairs} pairs)",
            beside=f"{1000 * bare_s:.1f} ms",
            ratio=ratio,
            target=target.text() if target else "",
            met=target.met(ratio) if target else None,
            details={"kind": kind, "name": name, **rounds},
        )


async def series_of(bench: Bench, program: Program, pace: Pace, again: int | None = None) -> Series:
    """Run the program in pairs. Each gets a new number, or all get the number `again`."""
    series = Series()
    for _ in range(pace.warm_up):
        await ours(bench, program, again or next(bench.numbers))
    await rest(bench.engine.meter, _REST_SECONDS)
    cpu, children = bench.engine.meter.seconds(), cpu_of_children()
    deadline = time.monotonic() + pace.seconds
    for pair in range(pace.pairs):
        number = again or next(bench.numbers)
        for turn in (ours, bare) if pair % 2 else (bare, ours):
            if turn is ours:
                series.ours_s.append((await ours(bench, program, number))[0])
                await rest(bench.engine.meter, _REST_SECONDS)
            else:
                series.bare_s.append((await bare(bench, program, number)).seconds)
        if time.monotonic() > deadline:
            break
    series.ours_cpu_s = bench.engine.meter.seconds() - cpu
    series.bare_cpu_s = cpu_of_children() - children
    return series


async def ours(bench: Bench, program: Program, number: int) -> tuple[float, Answer]:
    """Return the seconds from before the connection to the whole answer. Raise `RuntimeError` if it is wrong."""
    started = time.perf_counter()
    client = await Client.connect(bench.engine.url)
    try:
        answer = await ask(client, program, number)
        seconds = time.perf_counter() - started
    finally:
        client.close()
    if not answer.right:
        raise RuntimeError(f"the executor's answer to {program.language}, {program.name} is wrong")
    return seconds, answer


async def bare(bench: Bench, program: Program, number: int) -> BareRun:
    return await asyncio.to_thread(run_bare, program, number, bench.tools[program.language], bench.folder)
