"""Asks the doctor what a configuration is like, does what it says, and asks again."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.hosts import pace
from tests.hosts.checkout import FOLDER
from tests.hosts.configuration import Configuration
from tests.hosts.guest import Guest
from tests.hosts.outcomes import TOLD_WITHIN_S, Examination, Outcome, examine
from tests.hosts.remedies import follow
from tests.hosts.result import Result
from tests.hosts.start import Start
from tests.hosts.suites import doctors_command

#: A remedy may restart a service, or install a package: seconds, and on a slow machine so many times its slowness.
_REMEDY_LIMIT_S = 300
_REMEDY_S = 60
#: How many times as long as it may take it is waited for, to tell what is late from what hangs.
_WAIT = 3
_SERVES = (Outcome.BY_CGROUP, Outcome.BY_SAMPLING)


@dataclass(frozen=True)
class Consultation:
    """`start` is how the executor serves in this configuration, and `serves` how it holds limits; both None where it
    does not."""

    result: Result
    start: Start | None
    serves: Outcome | None


def consult(guest: Guest, configuration: Configuration, slowness: float) -> Consultation:
    first = _ask(guest, configuration.user, configuration.start, slowness)
    said = [first]
    problems = _complaints(configuration.expect, first, guest, slowness)
    start, serves = configuration.start, first.outcome
    if configuration.then is not None and not problems:
        followed = follow(first.remedy, configuration.start)
        if not followed.commands and followed.start == configuration.start:
            problems.append(f"there is no command in {first.remedy!r}, which it says of {first.words!r}")
        else:
            problems += _run_as_root(guest, followed.commands, max(_REMEDY_LIMIT_S, _REMEDY_S * slowness))
            second = _ask(guest, configuration.user, followed.start, slowness)
            said.append(second)
            complaints = _complaints(configuration.then, second, guest, slowness)
            problems += [f"after {first.remedy!r}: {complaint}" for complaint in complaints]
            if first.outcome is Outcome.REFUSES:
                start, serves = followed.start, second.outcome
    words = "; then ".join(f"{one.outcome}, {one.seconds:.0f} s" for one in said)
    seconds = sum(one.seconds for one in said)
    result = Result(configuration.name, "doctor", not problems, words, seconds, tuple(problems))
    return Consultation(result, *((start, serves) if serves in _SERVES else (None, None)))


def _ask(guest: Guest, user: str, start: Start, slowness: float) -> Examination:
    return examine(guest.run(user, doctors_command(start), _WAIT * TOLD_WITHIN_S * slowness))


def _run_as_root(guest: Guest, commands: Iterable[str], limit_s: float) -> list[str]:
    done = [(command, guest.run("root", f"cd {FOLDER} && {command}", limit_s)) for command in commands]
    return [f"`{command}` fails: {one.words}" for command, one in done if not one.ok]


def _complaints(expected: Outcome, seen: Examination, guest: Guest, slowness: float) -> list[str]:
    complaints = []
    if seen.outcome is not expected:
        because = f" ({seen.words})" if seen.words else ""
        complaints.append(f"expected that it {expected}; it {seen.outcome}{because} {seen.remedy}".rstrip())
    elif seen.seconds > TOLD_WITHIN_S * slowness and seen.seconds > (most := TOLD_WITHIN_S * pace.slowness(guest)):
        complaints.append(
            f"it took {seen.seconds:.0f} s to say that it {seen.outcome}; at this pace, {most:.0f} may pass"
        )
    return complaints
