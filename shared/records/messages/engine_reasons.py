"""Says in a person's words and language why the engine ended a program, or why it could not be run.

The engine speaks the CodeX protocol, which has no languages. Sentences that are not known here stay as they are.
"""

import re
from typing import Final

from shared.records.messages.translations import gettext_noop, isolated, number, translations

#: The sentences of `executor.verdict`, each with what a mail says in its place, below the name of the verdict, and
#: those of `leases.poison_jobs` and of an operator. A `#` stands for a number. A program can write such a sentence too,
#: with any number.
_SENTENCES: Final = tuple(
    (re.compile(re.sub(r"<(\w+)>#", r"(?P<\1>[0-9]{1,15}(?:\\.[0-9]{1,6})?)", pattern)), message)
    for pattern, message in (
        (
            r"Time limit exceeded: stopped after <number># s of CPU time\.",
            gettext_noop("Stopped after %(number)s s of CPU time."),
        ),
        (r"Time limit exceeded: stopped after <number># s\.", gettext_noop("Stopped after %(number)s s.")),
        (
            r"Memory limit exceeded: stopped with <used># MiB in use, which is over its limit of <limit># MiB\.",
            gettext_noop("Stopped with %(used)s MiB in use. Its limit is %(limit)s MiB."),
        ),
        (
            r"Memory limit exceeded: stopped at its limit of <limit># MiB\.",
            gettext_noop("Stopped at its limit of %(limit)s MiB."),
        ),
        (r"Output limit exceeded: stopped after <number># bytes\.", gettext_noop("Stopped after %(number)s bytes.")),
        (r"Exited with code <number>#\.", gettext_noop("Exited with code %(number)s.")),
        (
            r"Killed by signal <number># \((?P<name>[A-Za-z0-9 /]{1,40})\)\.",
            gettext_noop("%(name)s (signal %(number)s)."),
        ),
        (
            r"the engine stopped while it ran this program, <number># times",
            gettext_noop("the engine stopped while it ran this program, %(number)s times"),
        ),
        (
            r"the runner stopped while it ran this program, <number># times",
            gettext_noop("the runner stopped while it ran this program, %(number)s times"),
        ),
        ("the operator of this service cancelled it", gettext_noop("the operator of this service cancelled it")),
    )
)


def split(error: str, locale: str) -> tuple[str, str]:
    """Return the reason at the beginning of an engine's error, for people, and the rest. Another error is all rest."""
    reason, _, rest = error.partition("\n")
    for pattern, message in _SENTENCES:
        if match := pattern.fullmatch(reason):
            values = {name: _shown(value, locale) for name, value in match.groupdict().items()}
            return translations(locale).gettext(message) % values, rest
    return "", error


def _shown(value: str, locale: str) -> str:
    return number(float(value), locale) if value[0].isdigit() else isolated(value, locale)
