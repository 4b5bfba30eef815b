"""What the doctor says of a host, and whether that is what was expected."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tests.hosts.guest import Done

#: Seconds within which the doctor must report a failure, on a machine as fast as this one.
TOLD_WITHIN_S: Final = 10


class Outcome(StrEnum):
    BY_CGROUP = "serves by cgroup v2"
    BY_SAMPLING = "serves by sampling"
    REFUSES = "refuses"
    HANGS = "hangs"
    FAILS = "fails"


@dataclass(frozen=True)
class Examination:
    """One run of the doctor. `words` is its reason to refuse, or what it said instead of a report; `remedy` what it
    tells to do."""

    outcome: Outcome
    seconds: float
    words: str = ""
    remedy: str = ""


def examine(done: Done) -> Examination:
    if done.lost:
        return Examination(Outcome.FAILS, done.seconds, f"the machine was lost: {done.words}")
    if done.timed_out:
        return Examination(Outcome.HANGS, done.seconds, done.words)
    try:
        report: dict[str, Any] = json.loads(done.output)
        rows: list[dict[str, Any]] = report["rows"]
        serves: bool = report["serves"]
    except (ValueError, KeyError, TypeError):
        return Examination(Outcome.FAILS, done.seconds, done.words)
    if serves is not done.ok:
        return Examination(Outcome.FAILS, done.seconds, f"serves is {serves}, and the exit code {done.exit_code}")
    if not serves:
        not_held = [f"{row['guarantee']}: {row['remedy']}" for row in rows if row["essential"] and not row["held"]]
        words = report.get("reason") or "; ".join(not_held)
        return Examination(Outcome.REFUSES, done.seconds, words, report.get("remedy", ""))
    limits = [row for row in rows if row["guarantee"].startswith(("CPU time is limited", "memory is limited"))]
    by_cgroup = bool(limits) and all(row["mechanism"] == "cgroup v2" for row in limits)
    remedies = dict.fromkeys(row["remedy"] for row in limits if row["remedy"])
    return Examination(Outcome.BY_CGROUP if by_cgroup else Outcome.BY_SAMPLING, done.seconds, "", " ".join(remedies))
