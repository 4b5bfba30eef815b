"""The outcomes of storms in a file of JSON, one for each seed."""

import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.cluster.outages import Wait, longest, overdue
from tests.chaos.storm import Report


def add(file: Path, report: Report, measured: Sequence[Wait]) -> None:
    """Add a storm to the file. It takes the place of an earlier one with the same seed."""
    storms = json.loads(file.read_text()) if file.exists() else []
    storms = [one for one in storms if one["seed"] != report.seed]
    file.write_text(json.dumps([*storms, _outcome(report, measured)], indent=2) + "\n")


def _outcome(report: Report, measured: Sequence[Wait]) -> dict[str, object]:
    verdict = report.verdict
    assert verdict is not None
    late = overdue(report.strikes, measured)
    seconds = sorted(wait.ended - wait.began for wait in measured) or [0.0]
    return {
        "seed": report.seed,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "installation": report.backends,
        "seconds": report.seconds,
        "load_average": [round(one, 1) for one in report.loads],
        "times_slower": [round(one, 1) for one in report.slowdowns],
        "faults": dict(sorted(report.faults.items())),
        "deaths_of_services": report.deaths,
        "accepted": verdict.accepted,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "missing_mails": verdict.missing_mails,
        "repeated_mails": verdict.repeats,
        "violations": [one for one in (*verdict.violations, *report.overdue) if one not in late],
        "late": late,
        "wait_s": {
            "median": round(statistics.median(seconds), 2),
            "percentile_99": round(seconds[int(len(seconds) * 0.99)], 1),
            "longest": round(seconds[-1], 1),
        },
        "last_fault_to_last_mail_s": round(report.drain_s, 1),
        "longest_wait_s": {name: round(value, 1) for name, value in sorted(longest(report.strikes, measured).items())},
    }
