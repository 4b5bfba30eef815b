"""Compares four real programs of each language (`real_programs/`) with the bare command.

Two things are compared, pair by pair: the time from the request to the answer, and the CPU time of the program itself.
The program's own time must not be longer in the sandbox. It is usually shorter for Python, JavaScript and Java, because
the runtime has started before.
"""

import json
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks.cpu_meter import rest
from benchmarks.findings import Finding, median_ratio
from benchmarks.pairs import Bench, Pace, bare, ours
from benchmarks.programs import BARE, Program
from benchmarks.targets import REAL, Target

_FOLDER: Final = Path(__file__).parent / "real_programs"
#: Java's commands are two, so that the last is the program itself.
_BARE: Final = BARE | {"java": ("Main.java", (("{javac}", "Main.java"), ("{java}", "Main")))}
_REST_SECONDS: Final = 2.0


async def programs(bench: Bench, pace: Pace) -> AsyncIterator[Finding]:
    """Yield two findings for each language: the slowest of the programs counts."""
    for language in bench.tools:
        series = {program.name: await _series(bench, program, pace) for program in read(language)}
        for kind in ("latency", "own CPU"):
            yield finding(language, kind, {name: each[kind] for name, each in series.items()}, REAL[kind])


def read(language: str) -> list[Program]:
    """Return the programs of a language, in the order of their names. In all languages they have the same answers."""
    answers: dict[str, str] = json.loads((_FOLDER / "answers.json").read_text())
    file, commands = _BARE[language]
    return [
        Program(
            language, name, file, commands, (_FOLDER / language / name).with_suffix(f".{language}").read_text(), text
        )
        for name, text in answers.items()
    ]


def finding(language: str, kind: str, series: dict[str, list[tuple[float, float]]], target: Target) -> Finding:
    """Return the worst ratio, with the median of the programs' ratios. `series` has pairs of seconds, ours first."""
    ratios = {name: median_ratio(*zip(*pairs, strict=True)) for name, pairs in series.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    return Finding(
        measure=f"{kind}, {language}: {len(series)} real programs",
        ours=f"median {statistics.median(ratios.values()):.2f}x, worst {worst}",
        beside="the bare command",
        ratio=ratios[worst],
        target=target.text(),
        met=target.met(ratios[worst]),
        details={"kind": "real", "ratios": ratios, "pairs_s": series},
    )


async def _series(bench: Bench, program: Program, pace: Pace) -> dict[str, list[tuple[float, float]]]:
    pairs: dict[str, list[tuple[float, float]]] = {"latency": [], "own CPU": []}
    for _ in range(pace.warm_up):
        await ours(bench, program, next(bench.numbers))
    deadline = time.monotonic() + pace.seconds
    for _ in range(pace.pairs):
        number = next(bench.numbers)
        await rest(bench.engine.meter, _REST_SECONDS)
        seconds, answer = await ours(bench, program, number)
        await rest(bench.engine.meter, _REST_SECONDS)
        beside = await bare(bench, program, number)
        pairs["latency"].append((seconds, beside.seconds))
        pairs["own CPU"].append((answer.own_cpu_s, beside.own_cpu_s))
        if time.monotonic() > deadline:
            break
    return pairs
