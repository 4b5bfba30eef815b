"""Measures the API and the pipeline: `make bench-pipeline`, or `python -m benchmarks.pipeline --help`.

Figures depend on the machine and its load. So each is compared with another one of the same minutes, and the ratio
counts. The whole takes some minutes on two cores.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Final

from benchmarks import classic, cost, crowd, posting, report, sustained, waits
from benchmarks.findings import Finding
from benchmarks.surroundings import surroundings
from shared.common.service.logging import LogSettings, configure_logging

_RESULTS: Final = Path(__file__).parents[1] / "dist" / "pipeline.json"
#: What is compared, in this order.
_MEASURES: Final = ("cost", "classic", "posting", "sustained", "wait", "crowd")


def main() -> int:
    """Run the benchmark. Return 0 if all targets were met, 1 if one was missed."""
    chosen = _arguments()
    compared = ["--yardstick", "DIR"] if chosen.yardstick else []
    command = shlex.join(["python", "-m", "benchmarks.pipeline", *chosen.measures, *compared])
    findings: list[Finding] = []
    # Some of the services' code runs in this process. Its events must not get into the table.
    configure_logging("benchmark", LogSettings(log_level="WARNING"))
    with surroundings() as around:
        measures = {
            "cost": cost.measure(around),
            "classic": classic.measure(around, chosen.yardstick),
            "posting": posting.measure(around),
            "sustained": sustained.measure(around),
            "wait": waits.measure(around),
            "crowd": crowd.measure(around),
        }
        for name in chosen.measures or _MEASURES:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            findings += measures[name]
            # After each, so that a failure of the next one loses nothing.
            report.write(report.record(findings, command=command), chosen.output)
    report.show(findings)
    return int(any(finding.met is False for finding in findings))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*_MEASURES, []], help="default: all")
    parser.add_argument("--yardstick", type=Path, metavar="DIR", help="folder of the original's service 1")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for the figures, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
