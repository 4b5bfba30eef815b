"""Reads the body of `POST runs`: Jobe's checks, in its order and words. Pure."""

import math
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from api_service.doors.jobe.languages import JobeLanguage
from api_service.doors.values import MAX_STRUCTURE, number_of, shell_words
from api_service.http.errors import ApiError, Kind
from shared.common.text import source_paths
from shared.common.text.json_structure import has_more_structure
from shared.engine_api.run_call.limits import MAX_ARGS_BYTES, MAX_FILES, check_args

#: The source of a run that is answered as an overload.
OVERLOAD: Final = "!** TESTING OVERLOAD EXCEPTION **!"
#: A source of this name counts as one without a name, in every language.
_UNNAMED: Final = ("", "prog.java")
_ILLEGAL_NAME: Final = re.compile(r"""\A[.-]|[<>:"/\\|?*\x00-\x1f#\[\]@!$&'()+,;={}^~`\x7f\xa0\xad]""")
#: The attributes of a run by their names, in the order in which they are checked.
_ATTRIBUTES: Final[Mapping[str, type]] = {
    "sourcecode": str, "language_id": str, "input": str, "parameters": dict, "file_list": list, "sourcefilename": str
}  # fmt: skip
_REQUIRED: Final = ("sourcecode", "language_id")
#: The parameters that are lists of words.
_LISTS: Final = ("compileargs", "linkargs", "interpreterargs", "runargs")
_FILE_ID: Final = re.compile("[A-Za-z0-9]{8,}")
#: Dots, `-` and `_` alone are no name. It is no longer than a path.
_FILE_NAME: Final = re.compile(r"(?=.{1,255}\Z)[._-]*+[A-Za-z0-9][A-Za-z0-9._-]*")
_PUBLIC_CLASS: Final = re.compile(r"\bpublic\s++class\s++(\w++)")
_MAIN: Final = re.compile(r"\b(?:public\s++static|static\s++public)\s++void\s++main\s*+\(\s*+String")


@dataclass(frozen=True, slots=True)
class RunSpec:
    """A checked run. `filename` is that of its source; `files` are the names of the others, with their ids.

    `parameters` are those that the client has set, of any types; `arguments` are the words of those that are lists.
    """

    language: JobeLanguage
    source: str = field(repr=False)
    filename: str
    stdin: str = field(repr=False)
    files: Mapping[str, str]
    parameters: Mapping[str, Any]
    arguments: Mapping[str, tuple[str, ...]]

    def number(self, name: str, default: float, *special: float) -> float:
        """Return the number in a parameter; the default if there is none that is above 0 or `special`."""
        number = number_of(self.parameters.get(name))
        return number if number is not None and (number > 0 or number in special) else default

    def words(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the words of a parameter, which take the place of all that are usual."""
        return self.arguments.get(name, tuple(default))

    @property
    def interpreter_args(self) -> tuple[str, ...] | None:
        """The interpreter's words; None if it gets the usual ones, which change nothing that a program sees."""
        words, language = self.arguments.get("interpreterargs"), self.language
        is_interpreted = language.file_of_class or not language.engine_language.is_compiled
        return words if is_interpreted and words != tuple(language.interpreterargs) else None

    @property
    def main_class(self) -> str:
        """The class that is run, for a language whose files are named after it."""
        chosen = self.parameters.get("main_class")
        return chosen if chosen and isinstance(chosen, str) else self.filename.partition(".")[0]


def invalid(detail: str) -> ApiError:
    return ApiError(Kind.INVALID, detail)


def read_object(body: bytes, *, what: str) -> Mapping[str, Any]:
    """Return the JSON object of a body. Raise `ApiError` for other JSON. `what` names the call in the text."""
    try:
        content = None if has_more_structure(body, MAX_STRUCTURE) else from_json(body, allow_inf_nan=False)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise invalid(f"Non-JSON {what} data received")
    return content


def read_run(body: bytes, languages: Mapping[str, JobeLanguage], max_input_bytes: int, max_cputime: float) -> RunSpec:
    """Return the run that a body describes. Raise `ApiError` for its first fault."""
    sent = _attributes(read_object(body, what="post").get("run_spec"))
    source, stdin, parameters, id_ = sent["sourcecode"], sent["input"], sent["parameters"], sent["language_id"].lower()
    language = languages.get(id_)
    if language is None:
        raise invalid(f"Language '{id_}' is not known")
    cputime, bound = number_of(parameters.get("cputime")), language.engine_language.limits.get("cpu_s")
    max_seconds = min(max_cputime, bound.max) if bound else max_cputime
    if cputime is not None and math.trunc(cputime) > max_seconds:
        raise invalid(f"cputime exceeds maximum allowed on this Jobe server ({max_seconds:g} secs)")
    filename = _filename(sent["sourcefilename"], source, language)
    named = _files(sent["file_list"])
    arguments = {name: _words(name, parameters[name]) for name in _LISTS if isinstance(parameters.get(name), list)}
    if len(stdin.encode()) > max_input_bytes:
        raise invalid(f"run_spec attribute 'input' may have at most {max_input_bytes} bytes")
    return RunSpec(language, source, filename, stdin, named, parameters, arguments)


def read_file(body: bytes, id_: str, max_bytes: int) -> bytes:
    """Return the content of the file that a body has. Raise `ApiError` if there is none, or too much."""
    contents = read_object(body, what="put").get("file_contents")
    if contents is None:
        raise invalid("put: missing file_contents parameter")
    try:
        data = b64decode(contents, validate=True)
    except (TypeError, ValueError):
        raise invalid(f"put: contents of file {id_} are not valid base-64") from None
    if len(data) > max_bytes:
        raise invalid(f"put: a file may have at most {max_bytes} bytes")
    return data


def _attributes(run_spec: object) -> dict[str, Any]:
    if not isinstance(run_spec, dict):
        raise invalid("No run_spec attribute found in post data")
    sent = {}
    for name, kind in _ATTRIBUTES.items():
        value = run_spec.get(name)
        if value is None and name in _REQUIRED:
            raise invalid(f"run_spec is missing the required attribute '{name}'")
        # An empty object in PHP is `[]` in JSON.
        sent[name] = kind() if value is None or (value == [] and name not in _REQUIRED) else value
        if not isinstance(sent[name], kind):
            raise invalid(f"run_spec attribute '{name}' must be of type {kind.__name__}")
    return sent


def _filename(sent: str, source: str, language: JobeLanguage) -> str:
    """Return the name of a source: as sent, after its public class in Java, or the usual name."""
    if sent not in _UNNAMED:
        if _ILLEGAL_NAME.search(sent) or source_paths.fault_of(sent):
            raise invalid("The sourcefilename for the run_spec is illegal")
        return sent
    usual = language.source or language.engine_language.main
    public = _PUBLIC_CLASS.search(source) if language.file_of_class else None
    name = f"{public[1]}.java" if public and _MAIN.search(source, public.end()) else usual
    return usual if source_paths.fault_of(name) else name


def _files(entries: Sequence[Any]) -> dict[str, str]:
    """Return the names and ids of files. Of two with the same name, the last one counts."""
    files = {}
    for entry in entries:
        match entry:
            case [str(id_), str(name)] | [str(id_), str(name), _] if _FILE_ID.fullmatch(id_) and _FILE_NAME.fullmatch(
                name
            ):
                files[name] = id_
            case _:
                raise invalid(f"Invalid file specifier: {entry}")
    if len(files) >= MAX_FILES:
        raise invalid(f"run_spec attribute 'file_list' may have at most {MAX_FILES - 1} entries")
    return files


def _words(name: str, entries: Sequence[Any]) -> tuple[str, ...]:
    if not all(isinstance(entry, str | int | float) for entry in entries):
        raise invalid(f"run_spec parameter '{name}' must be a list of strings")
    line = " ".join(map(str, entries))
    if len(line) > MAX_ARGS_BYTES:
        raise invalid(f"run_spec parameter '{name}' may have at most {MAX_ARGS_BYTES} bytes")
    try:
        return check_args(tuple(shell_words(line)))
    except ValueError as exc:
        raise invalid(f"run_spec parameter '{name}' cannot be used: {exc}") from None
