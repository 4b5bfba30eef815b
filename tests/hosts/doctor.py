"""Runs the doctor in a configuration, applies its remedy, and runs it again."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.hosts import pace
from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.guest import Guest
from tests.hosts.outcomes import REPORT_LIMIT_S, Examination, Outcome, examine
from tests.hosts.remedies import parse_remedy
from tests.hosts.result import Result
from tests.hosts.start import Start
from tests.hosts.suites import doctor_command

#: A remedy may restart a service or install a package. Its limit is `_REMEDY_S` times the machine's slowness, but at
#: least `_REMEDY_LIMIT_S`.
_REMEDY_LIMIT_S = 300
_REMEDY_S = 60
#: The doctor is stopped after this many times its limit, so that a late one is not reported as hanging.
_WAIT = 3
_SERVES = (Outcome.BY_CGROUP, Outcome.BY_SAMPLING)


@dataclass(frozen=True)
class DoctorRun:
    """`start` is how to start the executor so that it serves, and `serves` is how it limits programs. Both are None if
    it does not serve."""

    result: Result
    start: Start | None
    serves: Outcome | None


def run_doctor(guest: Guest, configuration: Configuration, slowness: float) -> DoctorRun:
    first = _examine(guest, configuration.user, configuration.start, slowness)
    examinations = [first]
    problems = _find_problems(configuration.expect, first, guest, slowness)
    start, serves = configuration.start, first.outcome
    if configuration.then is not None and not problems:
        fix = parse_remedy(first.remedy, configuration.start)
        if not fix.commands and fix.start == configuration.start:
            problems.append(f"the remedy for {first.words!r} has no command: {first.remedy!r}")
        else:
            problems += _run_as_root(guest, fix.commands, max(_REMEDY_LIMIT_S, _REMEDY_S * slowness))
            second = _examine(guest, configuration.user, fix.start, slowness)
            examinations.append(second)
            remaining = _find_problems(configuration.then, second, guest, slowness)
            problems += [f"after {first.remedy!r}: {problem}" for problem in remaining]
            if first.outcome is Outcome.REFUSES:
                start, serves = fix.start, second.outcome
    words = "; then ".join(f"{one.outcome}, {one.seconds:.0f} s" for one in examinations)
    seconds = sum(one.seconds for one in examinations)
    result = Result(configuration.name, "doctor", not problems, words, seconds, tuple(problems))
    return DoctorRun(result, *((start, serves) if serves in _SERVES else (None, None)))


def _examine(guest: Guest, user: str, start: Start, slowness: float) -> Examination:
    return examine(guest.run(user, doctor_command(start), _WAIT * REPORT_LIMIT_S * slowness))


def _run_as_root(guest: Guest, commands: Iterable[str], limit_s: float) -> list[str]:
    """Return a message for each command that fails."""
    results = [(command, guest.run("root", f"cd {FOLDER} && {command}", limit_s)) for command in commands]
    return [f"`{command}` failed: {result.words}" for command, result in results if not result.ok]


def _find_problems(expected: Outcome, examination: Examination, guest: Guest, slowness: float) -> list[str]:
    if examination.outcome is not expected:
        reason = f" ({examination.words})" if examination.words else ""
        return [f"expected that it {expected}, but it {examination.outcome}{reason} {examination.remedy}".rstrip()]
    if examination.seconds <= REPORT_LIMIT_S * slowness:
        return []
    limit_s = REPORT_LIMIT_S * pace.measure_slowness(guest)  # the machine may be slower now than at the start
    if examination.seconds <= limit_s:
        return []
    took = f"it took {examination.seconds:.0f} s to report that it {examination.outcome}"
    return [f"{took}; the limit at this machine's pace is {limit_s:.0f} s"]
