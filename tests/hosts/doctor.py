"""Runs the doctor on a host, applies its remedy, and runs it again."""

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from executor.doctor.remedies import Facts
from tests.hosts.checkout import FOLDER
from tests.hosts.container import Container
from tests.hosts.guest import CommandResult, Guest, measure_slowness
from tests.hosts.reporting import Result
from tests.hosts.start import Prefix, Start

#: Seconds in which the doctor must report, on a quiet machine of today.
_REPORT_LIMIT_S: Final = 10
#: The doctor is stopped after this many times its limit, so that a late one is not reported as hanging.
_WAIT: Final = 3
#: A remedy may restart a service or install a package. Its limit is `_REMEDY_S` times the machine's slowness, but at
#: least `_REMEDY_LIMIT_S`.
_REMEDY_LIMIT_S: Final = 300
_REMEDY_S: Final = 60
_QUOTED: Final = re.compile(r"`([^`]+)`")
_EXECUTOR: Final = Facts.start


class Outcome(StrEnum):
    BY_CGROUP = "serves by cgroup v2"
    BY_SAMPLING = "serves by sampling"
    REFUSES = "refuses"
    HANGS = "hangs"
    FAILS = "fails"


@dataclass(frozen=True)
class Examination:
    """A run of the doctor. `words` is the reason to refuse, or the output if it is no report."""

    outcome: Outcome
    seconds: float
    words: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class DoctorRun:
    """`start` is how to start the executor so that it serves, and `serves` is how it limits programs. Both are None if
    it does not serve."""

    result: Result
    start: Start | None
    serves: Outcome | None


def run_doctor(
    guest: Guest, user: str, start: Start, expected: Outcome, then: Outcome | None, slowness: float
) -> DoctorRun:
    first = _examine(guest, user, start, slowness)
    examinations = [first]
    problems = _find_problems(expected, first, guest, slowness)
    serves = first.outcome
    if then is not None and not problems:
        commands, new_start = _parse_remedy(first.remedy, start)
        if not commands and new_start == start:
            problems.append(f"the remedy for {first.words!r} has no command: {first.remedy!r}")
        else:
            problems += _run_as_root(guest, commands, max(_REMEDY_LIMIT_S, _REMEDY_S * slowness))
            second = _examine(guest, user, new_start, slowness)
            examinations.append(second)
            remaining = _find_problems(then, second, guest, slowness)
            problems += [f"after {first.remedy!r}: {problem}" for problem in remaining]
            if first.outcome is Outcome.REFUSES:
                start, serves = new_start, second.outcome
    words = "; then ".join(f"{one.outcome}, {one.seconds:.0f} s" for one in examinations)
    result = Result("doctor", not problems, words, tuple(problems))
    is_served = serves in (Outcome.BY_CGROUP, Outcome.BY_SAMPLING)
    return DoctorRun(result, *((start, serves) if is_served else (None, None)))


def _examine(guest: Guest, user: str, start: Start, slowness: float) -> Examination:
    command = f"cd {FOLDER}; {start.run((start.python, '-m', 'executor.doctor', '--json'))}"
    return _read(guest.run(user, command, _WAIT * _REPORT_LIMIT_S * slowness))


def _read(result: CommandResult) -> Examination:
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
        words = f"serves is {serves}, but the exit code is {result.exit_code}"
        return Examination(Outcome.FAILS, result.seconds, words)
    if not serves:
        missing = [f"{row['guarantee']}: {row['remedy']}" for row in rows if row["essential"] and not row["held"]]
        words = report.get("reason") or "; ".join(missing)
        return Examination(Outcome.REFUSES, result.seconds, words, report.get("remedy", ""))
    limits = [row for row in rows if row["guarantee"].startswith(("CPU time is limited", "memory is limited"))]
    by_cgroup = bool(limits) and all(row["mechanism"] == "cgroup v2" for row in limits)
    remedies = dict.fromkeys(row["remedy"] for row in limits if row["remedy"])
    return Examination(Outcome.BY_CGROUP if by_cgroup else Outcome.BY_SAMPLING, result.seconds, "", " ".join(remedies))


def _run_as_root(guest: Guest, commands: Iterable[str], limit_s: float) -> list[str]:
    """Return a message for each command that fails."""
    results = [(command, guest.run("root", f"cd {FOLDER} && {command}", limit_s)) for command in commands]
    return [f"`{command}` failed: {result.words}" for command, result in results if not result.ok]


def _find_problems(expected: Outcome, examination: Examination, guest: Guest, slowness: float) -> list[str]:
    if examination.outcome is not expected:
        reason = f" ({examination.words})" if examination.words else ""
        return [f"expected that it {expected}, but it {examination.outcome}{reason} {examination.remedy}".rstrip()]
    if examination.seconds <= _REPORT_LIMIT_S * slowness:
        return []
    limit_s = _REPORT_LIMIT_S * measure_slowness(guest)  # the machine may be slower now than at the start
    if examination.seconds <= limit_s:
        return []
    took = f"it took {examination.seconds:.0f} s to report that it {examination.outcome}"
    return [f"{took}; the limit at this machine's pace is {limit_s:.0f} s"]


def _parse_remedy(remedy: str, start: Start) -> tuple[Sequence[str], Start]:
    """Return the commands for root in a remedy, and the way to start the executor after them.

    Between backticks are options of a container (`--name value`), a command that starts the executor (`systemd-run
    ...`), and other commands. A single word is ignored.
    """
    commands = []
    for quoted in _QUOTED.findall(remedy):
        if quoted.startswith("--") and isinstance(start, Container):
            start = replace(start, options=_with_options(start.options, shlex.split(quoted)))
        elif quoted.startswith("systemd-run ") and quoted.endswith(_EXECUTOR):
            start = Prefix(tuple(shlex.split(quoted.removesuffix(_EXECUTOR))))
        elif " " in quoted and not quoted.startswith("--"):
            commands.append(quoted)
    return commands, start


def _with_options(options: tuple[str, ...], more: list[str]) -> tuple[str, ...]:
    """Add pairs of a name and a value, except those that are present already."""
    present = set(pairwise(options))
    for pair in zip(more[::2], more[1::2], strict=True):
        options += () if pair in present else pair
    return options
