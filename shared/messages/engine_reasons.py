"""Translates the reasons that the engine gives in English for the end of a program.

The engine speaks the CodeX protocol, which has no languages. Sentences that are not known here stay as they are.
"""

import re
from typing import Final

from shared.messages.translations import SOURCE_LOCALE, gettext_noop, isolated, number, translations

# A program can write such a sentence too, with any number.
_NUMBER: Final = r"([0-9]{1,15}(?:\.[0-9]{1,6})?)"

#: The sentences of `executor.verdict`, with a group for each value, and the same as messages.
_SENTENCES: Final = tuple(
    (re.compile(pattern), message)
    for pattern, message in (
        (
            rf"Time limit exceeded: stopped after {_NUMBER} s of CPU time\.",
            gettext_noop("Time limit exceeded: stopped after %s s of CPU time."),
        ),
        (
            rf"Time limit exceeded: stopped after {_NUMBER} s\.",
            gettext_noop("Time limit exceeded: stopped after %s s."),
        ),
        (
            rf"Memory limit exceeded: stopped with {_NUMBER} MiB in use, which is over its limit of {_NUMBER} MiB\.",
            gettext_noop("Memory limit exceeded: stopped with %s MiB in use, which is over its limit of %s MiB."),
        ),
        (
            rf"Memory limit exceeded: stopped at its limit of {_NUMBER} MiB\.",
            gettext_noop("Memory limit exceeded: stopped at its limit of %s MiB."),
        ),
        (
            rf"Output limit exceeded: stopped after {_NUMBER} bytes\.",
            gettext_noop("Output limit exceeded: stopped after %s bytes."),
        ),
        (rf"Exited with code {_NUMBER}\.", gettext_noop("Exited with code %s.")),
        (rf"Killed by signal {_NUMBER} \(([A-Za-z0-9 /]{{1,40}})\)\.", gettext_noop("Killed by signal %s (%s).")),
    )
)


def translated(error: str, locale: str) -> str:
    """Return the error of an engine, with its first line in the language of the locale if that is a known reason."""
    if locale == SOURCE_LOCALE:
        return error
    reason, end, rest = error.partition("\n")
    for pattern, message in _SENTENCES:
        if found := pattern.fullmatch(reason):
            values = tuple(_shown(value, locale) for value in found.groups())
            return f"{translations(locale).gettext(message) % values}{end}{rest}"
    return error


def _shown(value: str, locale: str) -> str:
    return number(float(value), locale) if value[0].isdigit() else isolated(value, locale)
