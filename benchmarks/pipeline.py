"""Measures the API and the pipeline: `make bench-pipeline`, or `python -m benchmarks.pipeline --help`.

Figures depend on the machine and its load. So each is compared with another one of the same minutes, and the ratio
counts. The whole takes about ten minutes on two cores.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import (
    classic,
    crowd,
    growth,
    latency,
    many_tests,
    memory,
    plot,
    posting,
    report,
    stored_reads,
    stored_rows,
    streams,
    sustained,
    waits,
)
from benchmarks.findings import Finding
from benchmarks.surroundings import Surroundings, surroundings
from shared.logging import LogSettings, configure_logging

_ROOT: Final = Path(__file__).parents[1]
_RESULTS: Final = _ROOT / "dist" / "pipeline.json"
_PLOT: Final = _ROOT / "docs" / "performance.svg"

Measure = Callable[[Surroundings], Iterator[Finding]]


def main() -> int:
    """Run the benchmark. Return 0 if all targets were met, 1 if one was missed."""
    chosen = _arguments()
    measures: dict[str, Measure] = {
        "classic": lambda around: classic.measure(around, chosen.yardstick),
        "posting": posting.measure,
        "latency": latency.measure,
        "sustained": sustained.measure,
        "rows": stored_rows.measure,
        "reads": stored_reads.measure,
        "memory": memory.measure,
        "streams": streams.measure,
        "wait": waits.measure,
        "tests": many_tests.measure,
        "crowd": crowd.measure,
        "growth": growth.measure,
    }
    compared = ["--yardstick", "DIR"] if chosen.yardstick else []
    command = shlex.join(["python", "-m", "benchmarks.pipeline", *chosen.measures, *compared])
    findings: list[Finding] = []
    # Some of the services' code runs in this process. Its events must not get into the table.
    configure_logging("benchmark", LogSettings(log_level="WARNING"))
    with surroundings() as around:
        for name in chosen.measures or measures:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            findings += measures[name](around)
            # After each, so that a failure of the next one loses nothing.
            kept = report.record(findings, command=command)
            chosen.output.parent.mkdir(exist_ok=True)
            report.write(kept, chosen.output)
    if chosen.plot:
        chosen.plot.write_text(plot.draw(kept))
    report.show(findings)
    return int(any(finding.met is False for finding in findings))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument(
        "measures",
        nargs="*",
        choices=[
            "classic",
            "posting",
            "latency",
            "sustained",
            "rows",
            "reads",
            "memory",
            "streams",
            "wait",
            "tests",
            "crowd",
            "growth",
            [],
        ],
        help="default: all",
    )
    parser.add_argument("--yardstick", type=Path, metavar="DIR", help="folder of the original's service 1")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for the figures, as JSON")
    parser.add_argument("--plot", type=Path, help=f"file for a picture, such as {_PLOT.relative_to(_ROOT)}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
