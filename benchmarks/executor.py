"""Measures the executor beside the bare commands: `make bench`, or `python -m benchmarks.executor --help`.

It starts an executor with default settings on the loopback interface. Each figure is compared with that of the bare
command (`/usr/bin/python3 f.py`, `gcc f.c && ./a.out`, ...), measured in turn with it, so the ratios have a meaning on
a busy machine too; the milliseconds do not. The whole takes about a quarter of an hour on two cores, `--quick` about a
minute.
"""

import argparse
import asyncio
import shlex
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks import pairs, programs, real, report, throughput
from benchmarks.cpu_meter import rest
from benchmarks.engine import Engine, engine, versions
from benchmarks.findings import Finding
from benchmarks.pairs import Bench, Pace
from benchmarks.throughput import Windows

_FULL: Final = (Pace(40, 300.0), Pace(12, 30.0), Windows(3, (1, 2, 4, 8, 16), 2.5, 8, 8.0))
_QUICK: Final = (Pace(3, 2.0, warm_up=1), Pace(1, 1.0, warm_up=1), Windows(1, (2, 4), 0.7, 3, 3.0))
#: Seconds for the executor's preparations after its start.
_START_SECONDS: Final = 30.0


def main() -> int:
    """Run the benchmark. Return 0 if all targets were met, 1 if one was missed."""
    chosen = _arguments()
    # So that the contexts below are left, and all that was started is stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    kept = report.record([], command=shlex.join(["python", "-m", "benchmarks.executor", *_figure_arguments(chosen)]))
    with tempfile.TemporaryDirectory(prefix="precieux-benchmark-") as folder, engine() as running:
        findings = asyncio.run(_measure(chosen, running, Path(folder), kept))
    if chosen.markdown:
        chosen.markdown.write_text(report.markdown(kept, findings))
    report.show(findings)
    return int(any(finding.met is False for finding in findings))


async def _measure(chosen: argparse.Namespace, running: Engine, folder: Path, kept: dict[str, Any]) -> list[Finding]:
    """Return all chosen findings. After each, add it to `kept` and write the file."""
    tools, offered = programs.toolchains(), await versions(running)
    missing = sorted(code for code in programs.HELLO if code not in tools or code not in offered)
    wanted = {code: tools[code] for code in chosen.languages if code not in missing}
    if missing:
        print(f"left out, because this machine lacks them: {', '.join(missing)}", file=sys.stderr)
    toolchains = {code: offered[code] for code in wanted}
    kept |= {"cpu_time_by": running.meter.name, "left_out": missing, "toolchains": toolchains}
    await rest(running.meter, _START_SECONDS)
    bench = Bench(running, wanted, programs.numbers(), folder)
    pace, short_pace, windows = _QUICK if chosen.quick else _FULL
    measures = {
        "latency": pairs.hello(bench, pace),
        "again": pairs.same_source(bench, short_pace),
        "others": pairs.others(bench, short_pace),
        "throughput": throughput.each_language(bench, windows),
        "mixed": throughput.mixed(bench, windows),
        "real": real.programs(bench, short_pace),
    }
    findings: list[Finding] = []
    for name in chosen.measures or measures:
        async for finding in measures[name]:
            findings.append(finding)
            print(report.line(finding), file=sys.stderr, flush=True)
            # After each, so that a failure of the next one loses nothing.
            kept["findings"] = [asdict(each) for each in findings]
            if chosen.json:
                report.write(kept, chosen.json)
    return findings


def _figure_arguments(chosen: argparse.Namespace) -> list[str]:
    """Return the arguments that change the figures, without the names of files."""
    quick = ["--quick"] if chosen.quick else []
    some = [] if chosen.languages == list(programs.HELLO) else ["--languages", ",".join(chosen.languages)]
    return [*chosen.measures, *quick, *some]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.executor", description=__doc__)
    names = ["latency", "again", "others", "throughput", "mixed", "real"]
    parser.add_argument("measures", nargs="*", choices=[*names, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="a minute's smoke test; its figures are rough")
    parser.add_argument(
        "--languages", type=_languages, default=list(programs.HELLO), metavar="py,cpp", help="default: all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for all rounds, as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the table")
    return parser.parse_args()


def _languages(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(programs.HELLO):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not among {', '.join(programs.HELLO)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
