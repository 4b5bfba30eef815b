"""Checks the request of a client, and reports each fault in Judge0's words. Pure."""

import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api_service.doors.judge0.configuration import Configuration
from api_service.doors.judge0.languages import MULTI_FILE, Judge0Language, find
from api_service.doors.judge0.parameters import Parameters
from api_service.languages.catalog import LanguageCatalog
from shared.engine.run_call import is_allowed
from shared.judge0.base64_text import decode

_BLANK, _PRESENT = "can't be blank", "must be blank"
#: The most characters of options and arguments.
_LONGEST: Final = 512
_TOO_LONG: Final = f"is too long (maximum is {_LONGEST} characters)"
#: Characters that mean something to a shell. They are dropped from options and arguments.
_DROPPED: Final = str.maketrans("", "", "$&;<>|`\0")
_FALSE: Final = frozenset({"false", "f", "0", "off", "no"})

#: Field -> its minimum, and True if the minimum itself is allowed. The maximum comes from the configuration.
_NUMBERS: Final[Mapping[str, tuple[int, bool]]] = {
    "cpu_time_limit": (0, True),
    "cpu_extra_time": (0, True),
    "wall_time_limit": (1, True),
    "memory_limit": (2048, True),
    "stack_limit": (0, True),
    "max_processes_and_or_threads": (0, False),
    "max_file_size": (0, True),
    "number_of_runs": (0, False),
}
_SWITCHES: Final = (
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "redirect_stderr_to_stdout",
    "enable_network",
)
#: Switch that the configuration must allow -> the message if it does not.
_ALLOWED: Final = {
    "enable_per_process_and_thread_time_limit": "this option cannot be enabled",
    "enable_per_process_and_thread_memory_limit": "this option cannot be enabled",
    "enable_network": "enabling network is not allowed",
}

Errors = dict[str, list[str]]


class Invalid(Exception):
    """The request has faults: messages by field."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class SubmissionRequest:
    """A checked request. `values` are Judge0's fields, with defaults for those that were not sent."""

    language: Judge0Language
    values: Mapping[str, Any]
    source: bytes | None
    stdin: bytes | None
    expected_output: bytes | None
    additional_files: bytes | None
    compiler_args: list[str]
    args: list[str]


def check(
    parameters: Parameters, catalog: LanguageCatalog, configuration: Configuration, *, base64: bool
) -> SubmissionRequest:
    """Return the checked request. Raises `Invalid` with all faults."""
    checker = _SubmissionCheck(parameters, catalog, configuration, base64=base64)
    errors = {name: messages for name, messages in checker.errors() if messages}
    if errors or checker.language is None:
        raise Invalid(errors)
    return checker.asked(checker.language)


class _SubmissionCheck:
    """Checks one submission. Parameters that are no texts, numbers or switches count as not sent."""

    def __init__(
        self, parameters: Parameters, catalog: LanguageCatalog, configuration: Configuration, *, base64: bool
    ) -> None:
        self._sent = {name: value for name, value in parameters.items() if isinstance(value, str | int | float)}
        self._base64 = base64
        self._configuration = configuration
        number = _whole(self._sent.get("language_id"))
        self._language_id = number
        self.language = None if number is None else find(catalog, number)
        self._values: dict[str, Any] = {}

    def errors(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the messages of each field."""
        yield "source_code", list(self._source())
        yield "stdin", list(_over(self._text("stdin"), self._configuration.largest_input))
        yield "language_id", list(self._language())
        yield "compiler_options", list(self._compiler_options())
        yield "command_line_arguments", list(self._arguments())
        yield "additional_files", list(self._additional_files())
        yield "callback_url", list(self._callback())
        for name, (least, is_inclusive) in _NUMBERS.items():
            yield name, list(self._number(name, least, is_inclusive=is_inclusive))
        for name in _SWITCHES:
            yield name, list(self._switch(name))

    def asked(self, language: Judge0Language) -> SubmissionRequest:
        values = self._values
        additional_files = self._option("additional_files")
        return SubmissionRequest(
            language=language,
            values={**values, "language_id": language.id, "language": language.name},
            source=None if language.id == MULTI_FILE else self._text("source_code"),
            stdin=self._text("stdin"),
            expected_output=self._text("expected_output"),
            additional_files=None if additional_files is None else decode(additional_files),
            compiler_args=_words(values["compiler_options"]),
            args=[] if language.id == MULTI_FILE else _words(values["command_line_arguments"]),
        )

    def _source(self) -> Iterator[str]:
        is_blank = not (self._text("source_code") or b"").strip()
        if self._language_id == MULTI_FILE:
            if not is_blank:
                yield _PRESENT
        elif is_blank:
            yield _BLANK
        else:
            yield from _over(self._text("source_code"), self._configuration.largest_source)

    def _language(self) -> Iterator[str]:
        number = self._language_id
        if number is None:
            yield _BLANK
        if self.language is None:
            yield f"language with id {'' if number is None else number} doesn't exist"
        elif self.language.is_archived:
            yield f"language with id {number} is archived and cannot be used anymore"

    def _compiler_options(self) -> Iterator[str]:
        options = self._keep("compiler_options")
        if not options:
            return
        if len(options) > _LONGEST:
            # The words are not reported one by one: the answer would be far longer than what was sent.
            yield _TOO_LONG
            return
        language, allowed = self.language, self._configuration.allowed_languages_for_compile_options
        if not self._configuration.enable_compiler_options:
            yield "setting compiler options is not allowed"
        elif language is None or language.is_archived:
            return
        elif not language.is_compiled:
            yield "setting compiler options is only allowed for compiled languages"
        elif allowed and language.name.partition(" (")[0] not in allowed:
            yield f"setting compiler options is only allowed for {_sentence(allowed)}"
        elif language.engine_language is not None:
            own = language.engine_language.compiler_args
            for word in _words(options):
                if not is_allowed(word, own):
                    yield f"the option {word} is not allowed; this server allows {' '.join(own) or 'none'}"

    def _arguments(self) -> Iterator[str]:
        arguments = self._keep("command_line_arguments")
        if arguments:
            if len(arguments) > _LONGEST:
                yield _TOO_LONG
            if not self._configuration.enable_command_line_arguments:
                yield "setting command line arguments is not allowed"

    def _additional_files(self) -> Iterator[str]:
        files = self._keep("additional_files")
        if not files and self._language_id == MULTI_FILE:
            yield _BLANK
        elif files and not self._configuration.enable_additional_files:
            yield "setting additional files is not allowed"

    def _callback(self) -> Iterator[str]:
        if self._keep("callback_url") and not self._configuration.enable_callbacks:
            yield "setting callback is not allowed"

    def _number(self, name: str, least: int, *, is_inclusive: bool) -> Iterator[str]:
        default = getattr(self._configuration, name)
        maximum = getattr(self._configuration, f"max_{name}")
        raw = self._sent.get(name)
        if raw is None or raw == "":
            self._values[name] = default
            return
        number = _number(raw)
        if number is None:
            yield "is not a number"
        elif number < least or (number == least and not is_inclusive):
            yield f"must be greater than {'or equal to ' if is_inclusive else ''}{least}"
        elif number > maximum:
            yield f"must be less than or equal to {maximum}"
        else:
            self._values[name] = number if isinstance(default, float) else int(number)

    def _switch(self, name: str) -> Iterator[str]:
        raw = self._sent.get(name)
        default = getattr(self._configuration, name)
        is_on = default if raw is None or raw == "" else str(raw).lower() not in _FALSE
        self._values[name] = is_on
        if is_on and name in _ALLOWED and not getattr(self._configuration, f"allow_{name}"):
            yield _ALLOWED[name]

    def _keep(self, name: str) -> str | None:
        """Return the text of a field; None if it is blank. Keep it for the answers."""
        self._values[name] = self._option(name)
        text = self._values[name]
        return text if text is not None and text.strip() else None

    def _option(self, name: str) -> str | None:
        raw = self._sent.get(name)
        # The database stores neither NUL nor half of a surrogate pair.
        return None if raw is None else str(raw).replace("\0", "").encode(errors="replace").decode()

    def _text(self, name: str) -> bytes | None:
        raw = self._sent.get(name)
        if raw is None:
            return None
        return decode(str(raw)) if self._base64 else str(raw).encode(errors="replace")


def _over(data: bytes | None, max_bytes: int) -> Iterator[str]:
    if data is not None and len(data) > max_bytes:
        yield f"is too long (maximum is {max_bytes} bytes)"


def _number(raw: object) -> float | None:
    """Return a value as a number; None if it is neither a number nor the text of one."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return None
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(raw: object) -> int | None:
    """Return a value as a whole number, as Ruby's `to_i` does: 0 if it is no number. None if there is no value."""
    if raw is None or raw == "":
        return None
    number = _number(raw)
    return 0 if number is None else int(number)


def _words(text: str | None) -> list[str]:
    """Return the words of options or arguments, as a shell splits them."""
    clean = (text or "").translate(_DROPPED)
    try:
        return shlex.split(clean)
    except ValueError:  # a quote is not closed
        return clean.split()


def _sentence(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
