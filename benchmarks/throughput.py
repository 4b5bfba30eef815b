"""Compares right answers a second at several numbers of connections with two workers that loop over the bare command.

Windows of the two alternate. A window's rate is that between its second answer and its last one before the end, so that
neither a full pool at its start nor a queue that empties after it raises the rate.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.cpu_meter import rest
from benchmarks.engine import ask
from benchmarks.findings import Finding, median_ratio
from benchmarks.load import Client
from benchmarks.pairs import Bench
from benchmarks.programs import HELLO, Program, run_bare
from benchmarks.targets import STEADINESS, THROUGHPUT, Target

_BARE_WORKERS: Final = 2
_REST_SECONDS: Final = 5.0

Work = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Windows:
    """`rounds` of windows, each with a minimum of seconds and answers, and a maximum of seconds."""

    rounds: int
    connections: Sequence[int]
    seconds: float
    answers: int
    max_seconds: float


@dataclass(slots=True)
class Window:
    """The times of the right answers and of the end, in seconds from the start, and the number of other answers."""

    came: list[float] = field(default_factory=list)
    end: float = float("inf")
    wrong: int = 0

    @property
    def rate(self) -> float:
        return steady_rate(self.came, self.end)


def steady_rate(came: Sequence[float], end: float, skip: int = 1) -> float:
    """Return the answers a second between the one after the first `skip` and the last one before the end.

    If these are too few, as for a slow language, take all answers since the start. Without any, return 0.
    """
    counted = sorted(moment for moment in came if moment <= end)[skip:]
    if len(counted) < 2:
        return len(came) / max(came) if came else 0.0
    return (len(counted) - 1) / (counted[-1] - counted[0])


async def each_language(bench: Bench, windows: Windows) -> AsyncIterator[Finding]:
    for code in bench.tools:
        rounds = await _rounds(bench, [HELLO[code]], windows, windows.connections)
        bare = [window.rate for window in rounds[0]]
        for connections in windows.connections:
            target = THROUGHPUT[code] if connections >= _BARE_WORKERS else None
            name = f"{code}, {connections} connection{'s' * (connections > 1)}"
            yield _finding(name, rounds[connections], bare, target, code, connections)
        most = max(windows.connections)
        if code in STEADINESS and _BARE_WORKERS in windows.connections and most > _BARE_WORKERS:
            two = [window.rate for window in rounds[_BARE_WORKERS]]
            yield _finding(f"{code}, {most} connections beside two", rounds[most], two, STEADINESS[code])


async def mixed(bench: Bench, windows: Windows) -> AsyncIterator[Finding]:
    """Measure all languages in turn."""
    programs = [HELLO[code] for code in bench.tools]
    most = max(windows.connections)
    rounds = await _rounds(bench, programs, windows, [most])
    bare = [window.rate for window in rounds[0]]
    yield _finding(f"all languages, {most} connections", rounds[most], bare)


def _finding(
    name: str,
    ours: Sequence[Window],
    beside: Sequence[float],
    target: Target | None = None,
    code: str = "",
    connections: int = 0,
) -> Finding:
    rates, wrong = [window.rate for window in ours], sum(window.wrong for window in ours)
    ratio = median_ratio(rates, beside) if all(beside) else None
    where = {"language": code, "connections": connections} if code else {}
    return Finding(
        measure=f"throughput, {name}",
        ours=f"{statistics.median(rates):.2f}/s" + (f", {wrong} WRONG" if wrong else ""),
        beside=f"{statistics.median(beside):.2f}/s",
        ratio=ratio,
        target=target.text() if target and ratio is not None else "",
        met=target.met(ratio) and not wrong if target and ratio is not None else None,
        details={"kind": "throughput", **where, "ours_per_s": rates, "beside_per_s": list(beside), "wrong": wrong},
    )


async def _rounds(
    bench: Bench, programs: Sequence[Program], windows: Windows, connections: Sequence[int]
) -> dict[int, list[Window]]:
    """Return the windows by the number of connections, those of the bare command under 0."""
    rounds: dict[int, list[Window]] = {number: [] for number in (0, *connections)}
    for _ in range(windows.rounds):
        for number, done in rounds.items():
            await rest(bench.engine.meter, _REST_SECONDS)
            turns = itertools.cycle(programs)
            done.append(await (_ours(bench, turns, windows, number) if number else _bare(bench, turns, windows)))
    return rounds


async def _ours(bench: Bench, turns: "itertools.cycle[Program]", windows: Windows, connections: int) -> Window:
    clients = [await Client.connect(bench.engine.url) for _ in range(connections)]

    def worker(client: Client) -> Work:
        async def work() -> bool:
            try:
                return (await ask(client, next(turns), next(bench.numbers))).right
            except RuntimeError:  # an answer, but not a right one
                return False

        return work

    try:
        return await _window([worker(client) for client in clients], windows, hang_up=True)
    finally:
        for client in clients:
            client.close()


async def _bare(bench: Bench, turns: "itertools.cycle[Program]", windows: Windows) -> Window:
    def worker(number: int) -> Work:
        folder = bench.folder / f"worker-{number}"
        folder.mkdir(exist_ok=True)

        async def work() -> bool:
            program = next(turns)
            tools = bench.tools[program.language]
            await asyncio.to_thread(run_bare, program, next(bench.numbers), tools, folder)
            return True

        return work

    return await _window([worker(number) for number in range(_BARE_WORKERS)], windows)


async def _window(workers: Sequence[Work], windows: Windows, hang_up: bool = False) -> Window:
    """Work until there are enough answers. Then wait for those under way, or with `hang_up` drop them."""
    window, started = Window(), time.perf_counter()

    async def loop(work: Work) -> None:
        while window.end == float("inf"):
            right = await work()
            now = time.perf_counter() - started
            if right:
                window.came.append(now)
            else:
                window.wrong += 1
            enough = now >= windows.seconds and len(window.came) >= windows.answers
            if enough or now >= windows.max_seconds:
                window.end = min(window.end, now)

    tasks = [asyncio.create_task(loop(work)) for work in workers]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if hang_up:  # a queue of slow programs would take longer than the window
        for task in tasks:
            task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return window
