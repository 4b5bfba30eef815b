"""Asks the doctor what a configuration is like, does what it says, and asks again."""

from dataclasses import dataclass

from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.guest import Guest
from tests.hosts.outcomes import TOLD_WITHIN_S, Examination, Outcome, examine
from tests.hosts.remedies import follow
from tests.hosts.result import Result
from tests.hosts.start import Start
from tests.hosts.suites import doctors_command

#: A remedy may restart a service, or install a package.
_REMEDY_LIMIT_S = 300
_SERVES = (Outcome.BY_CGROUP, Outcome.BY_SAMPLING)


@dataclass(frozen=True)
class Consultation:
    """`start` is how the executor serves in this configuration, and `serves` how it holds limits; both None where it
    does not."""

    result: Result
    start: Start | None
    serves: Outcome | None


def consult(guest: Guest, configuration: Configuration, slowness: float) -> Consultation:
    limit_s = TOLD_WITHIN_S * slowness
    first = examine(guest.run(configuration.user, doctors_command(configuration.start), limit_s))
    words = [_told(first)]
    problems = [] if first.outcome is configuration.expect else [_complaint(configuration.expect, first)]
    start, serves = configuration.start, first.outcome
    seconds = first.seconds
    if configuration.then is not None and first.outcome is configuration.expect:
        followed = follow(first.remedy, configuration.start)
        if not followed.commands and followed.start == configuration.start:
            problems.append(f"no command to follow in {first.remedy!r}, which it says of {first.words!r}")
        else:
            for command in followed.commands:
                done = guest.run("root", f"cd {FOLDER} && {command}", _REMEDY_LIMIT_S)
                if not done.ok:
                    problems.append(f"`{command}` fails: {done.words}")
            second = examine(guest.run(configuration.user, doctors_command(followed.start), limit_s))
            words.append(f"then {_told(second)}")
            seconds += second.seconds
            if second.outcome is not configuration.then:
                problems.append(f"after {first.remedy!r}: {_complaint(configuration.then, second)}")
            if first.outcome is Outcome.REFUSES:
                start, serves = followed.start, second.outcome
    result = Result(configuration.name, "doctor", not problems, "; ".join(words), seconds, tuple(problems))
    return Consultation(result, *((start, serves) if serves in _SERVES else (None, None)))


def _told(examination: Examination) -> str:
    return f"{examination.outcome}, {examination.seconds:.0f} s"


def _complaint(expected: Outcome, seen: Examination) -> str:
    because = f" ({seen.words})" if seen.words else ""
    return f"expected that it {expected}; it {seen.outcome}{because} {seen.remedy}".rstrip()
