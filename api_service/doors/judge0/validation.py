"""Checks the request of a client, and reports each fault in Judge0's words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api_service.doors.judge0.configuration import Configuration
from api_service.doors.judge0.languages import MULTI_FILE, Judge0Language, languages_of
from api_service.doors.judge0.parameters import Parameters
from api_service.doors.values import number_of, shell_words
from api_service.languages.catalog import LanguageCatalog
from shared.common.text.base64_text import decode
from shared.engine_api.run_call.limits import is_allowed

_BLANK, _PRESENT = "can't be blank", "must be blank"
_MAX_LENGTH: Final = 512
_TOO_LONG: Final = f"is too long (maximum is {_MAX_LENGTH} characters)"
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
#: Switch -> the message if the configuration does not allow it; None: it is always allowed.
_SWITCHES: Final = {
    "enable_per_process_and_thread_time_limit": "this option cannot be enabled",
    "enable_per_process_and_thread_memory_limit": "this option cannot be enabled",
    "redirect_stderr_to_stdout": None,
    "enable_network": "enabling network is not allowed",
}


#: The faults of a request: messages by field.
Errors = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SubmissionRequest:
    """A checked request. `values` are Judge0's fields, with defaults for those that were not sent. Texts are bytes."""

    language: Judge0Language
    values: Mapping[str, Any]


def check(
    parameters: Parameters, catalog: LanguageCatalog, configuration: Configuration, *, base64: bool
) -> SubmissionRequest | Errors:
    """Return the checked request, or all its faults.

    Parameters that are no texts, numbers or switches count as not sent.
    """
    sent = {name: value for name, value in parameters.items() if isinstance(value, str | int | float)}
    number = _whole(sent.get("language_id"))
    language, is_multi_file = languages_of(catalog).get(number or 0), number == MULTI_FILE
    source, stdin = (_bytes(sent.get(name), base64) for name in ("source_code", "stdin"))
    options, arguments, files, callback = (
        _text(sent.get(name))
        for name in ("compiler_options", "command_line_arguments", "additional_files", "callback_url")
    )
    #: Field -> its value, and the messages about it.
    checked: dict[str, tuple[Any, list[str]]] = {
        "source_code": (
            None if is_multi_file else source,
            _source_faults(source, is_multi_file, configuration.max_source_bytes),
        ),
        "stdin": (stdin, _over(stdin, configuration.max_input_bytes)),
        "expected_output": (_bytes(sent.get("expected_output"), base64), []),
        "language_id": (number, _language_faults(number, language)),
        "compiler_options": (options, _option_faults(_filled(options), language, configuration)),
        "command_line_arguments": (arguments, _argument_faults(_filled(arguments), configuration)),
        "additional_files": (files, _file_faults(_filled(files), is_multi_file, configuration)),
        "callback_url": (callback, _callback_faults(_filled(callback), configuration)),
        **{name: _number(name, sent.get(name), configuration) for name in _NUMBERS},
        **{name: _switch(name, sent.get(name), configuration) for name in _SWITCHES},
    }
    errors = {name: messages for name, (_, messages) in checked.items() if messages}
    if errors or language is None:
        return errors
    return SubmissionRequest(language, {name: value for name, (value, _) in checked.items()})


def _source_faults(source: bytes | None, is_multi_file: bool, max_bytes: int) -> list[str]:
    is_blank = not (source or b"").strip()
    if is_multi_file:
        return [] if is_blank else [_PRESENT]
    return [_BLANK] if is_blank else _over(source, max_bytes)


def _language_faults(number: int | None, language: Judge0Language | None) -> list[str]:
    if number is None:
        return [_BLANK, "language with id  doesn't exist"]
    if language is None:
        return [f"language with id {number} doesn't exist"]
    return [f"language with id {number} is archived and cannot be used anymore"] if language.is_archived else []


def _option_faults(options: str, language: Judge0Language | None, configuration: Configuration) -> list[str]:
    if not options:
        return []
    if len(options) > _MAX_LENGTH:
        # The words are not reported one by one: the answer would be far longer than what was sent.
        return [_TOO_LONG]
    if not configuration.enable_compiler_options:
        return ["setting compiler options is not allowed"]
    if language is None or language.engine_language is None:
        return []
    if not language.is_compiled:
        return ["setting compiler options is only allowed for compiled languages"]
    allowed = configuration.allowed_languages_for_compile_options
    if allowed and language.name.partition(" (")[0] not in allowed:
        return [f"setting compiler options is only allowed for {_sentence(allowed)}"]
    allowing = language.engine_language.compiler_args
    refused = [word for word in words(options) if not is_allowed(word, allowing)]
    return [f"the option {word} is not allowed; this server allows {' '.join(allowing) or 'none'}" for word in refused]


def _argument_faults(arguments: str, configuration: Configuration) -> list[str]:
    if not arguments:
        return []
    refused = [] if configuration.enable_command_line_arguments else ["setting command line arguments is not allowed"]
    return [_TOO_LONG, *refused] if len(arguments) > _MAX_LENGTH else refused


def _file_faults(files: str, is_multi_file: bool, configuration: Configuration) -> list[str]:
    if not files:
        return [_BLANK] if is_multi_file else []
    return [] if configuration.enable_additional_files else ["setting additional files is not allowed"]


def _callback_faults(callback: str, configuration: Configuration) -> list[str]:
    return ["setting callback is not allowed"] if callback and not configuration.enable_callbacks else []


def _number(name: str, raw: object, configuration: Configuration) -> tuple[float, list[str]]:
    """Return the number of a field, or its default, and the messages about it."""
    default, maximum = getattr(configuration, name), getattr(configuration, f"max_{name}")
    minimum, is_inclusive = _NUMBERS[name]
    if raw is None or raw == "":
        return default, []
    number = number_of(raw)
    if number is None:
        return default, ["is not a number"]
    if number < minimum or (number == minimum and not is_inclusive):
        return default, [f"must be greater than {'or equal to ' if is_inclusive else ''}{minimum}"]
    if number > maximum:
        return default, [f"must be less than or equal to {maximum}"]
    return number if isinstance(default, float) else int(number), []


def _switch(name: str, raw: object, configuration: Configuration) -> tuple[bool, list[str]]:
    is_on = getattr(configuration, name) if raw is None or raw == "" else str(raw).lower() not in _FALSE
    refusal = _SWITCHES[name]
    is_refused = is_on and refusal is not None and not getattr(configuration, f"allow_{name}")
    return is_on, [refusal] if refusal and is_refused else []


def _text(raw: object) -> str | None:
    """Return a text as the database can store it: with neither NUL nor half of a surrogate pair."""
    return None if raw is None else str(raw).replace("\0", "").encode(errors="replace").decode()


def _filled(text: str | None) -> str:
    return text if text and text.strip() else ""


def _bytes(raw: object, base64: bool) -> bytes | None:
    if raw is None:
        return None
    return decode(str(raw)) if base64 else str(raw).encode(errors="replace")


def _over(data: bytes | None, max_bytes: int) -> list[str]:
    is_too_long = data is not None and len(data) > max_bytes
    return [f"is too long (maximum is {max_bytes} bytes)"] if is_too_long else []


def _whole(raw: object) -> int | None:
    """Return a value as a whole number, as Ruby's `to_i` does: 0 if it is no number. None if there is no value."""
    return None if raw is None or raw == "" else int(number_of(raw) or 0)


def words(text: str | None) -> list[str]:
    """Return the words of options or arguments, as a shell splits them."""
    return shell_words((text or "").translate(_DROPPED))


def _sentence(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
