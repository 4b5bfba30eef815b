"""The doctor's report about a host."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tests.hosts.guest import CommandResult

#: Seconds in which the doctor must report, on a quiet machine of today.
REPORT_LIMIT_S: Final = 10


class Outcome(StrEnum):
    BY_CGROUP = "serves by cgroup v2"
    BY_SAMPLING = "serves by sampling"
    REFUSES = "refuses"
    HANGS = "hangs"
    FAILS = "fails"


@dataclass(frozen=True)
class Examination:
    """One run of the doctor. `words` is its reason to refuse, or its output if that is no report. `remedy` is the
    doctor's remedy."""

    outcome: Outcome
    seconds: float
    words: str = ""
    remedy: str = ""


def examine(result: CommandResult) -> Examination:
    """Read the output of `executor.doctor --json`."""
    if result.lost:
        return Examination(Outcome.FAILS, result.seconds, f"the machine was lost: {result.words}")
    if result.timed_out:
        return Examination(Outcome.HANGS, result.seconds, result.words)
    try:
        report: dict[str, Any] = json.loads(result.output)
        rows: list[dict[str, Any]] = report["rows"]
        serves: bool = report["serves"]
    except (ValueError, KeyError, TypeError):
        return Examination(Outcome.FAILS, result.seconds, result.words)
    if serves is not result.ok:
        return Examination(
            Outcome.FAILS, result.seconds, f"serves is {serves}, but the exit code is {result.exit_code}"
        )
    if not serves:
        missing = [f"{row['guarantee']}: {row['remedy']}" for row in rows if row["essential"] and not row["held"]]
        words = report.get("reason") or "; ".join(missing)
        return Examination(Outcome.REFUSES, result.seconds, words, report.get("remedy", ""))
    limits = [row for row in rows if row["guarantee"].startswith(("CPU time is limited", "memory is limited"))]
    by_cgroup = bool(limits) and all(row["mechanism"] == "cgroup v2" for row in limits)
    remedies = dict.fromkeys(row["remedy"] for row in limits if row["remedy"])
    return Examination(Outcome.BY_CGROUP if by_cgroup else Outcome.BY_SAMPLING, result.seconds, "", " ".join(remedies))
