"""Reads the form of the page, as a browser without scripts posts it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api_service.http.errors import Fault
from api_service.requests.multipart import Part
from api_service.v1.body.program import UploadedFiles

_MEBIBYTE: Final = 1 << 20
_DECIMAL: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
#: The most characters of a form that are shown again. Each may take many in HTML.
_MAX_SHOWN: Final = 64 << 10
#: What the row of an empty test counts for.
_ROW: Final = 200
_TEXTS: Final = (
    "language", "problem", "source", "stdin", "args", "compiler_args", "cpu_s", "memory_mib", "email", "checker",
)  # fmt: skip
_LOCALE: Final = "locale"


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that was sent.

    `given` are its fields as they were written, but for long ones, which `left_out` names. The key is not among them.
    """

    given: Mapping[str, Any]
    content: Mapping[str, Any]
    upload: UploadedFiles | None
    left_out: Sequence[str] = ()
    faults: Sequence[Fault] = ()


def read_form(parts: Sequence[Part]) -> SentForm:
    """Return the form of these parts. Raises `ApiError` (400) if a field is not in UTF-8.

    `content` is what API v1 would be sent, without the files, which are in `upload`.
    """
    texts = {part.name: _lines(part.text()) for part in parts if part.name in (*_TEXTS, _LOCALE)}
    given: dict[str, Any] = {name: texts.get(name, "") for name in _TEXTS}
    given["tests"] = _tests(parts)
    files = [(part.filename, part.data) for part in parts if part.name == "file" and part.filename]
    cpu_s, memory_mib = (_number(given[name]) for name in ("cpu_s", "memory_mib"))
    limits = {"cpu_s": cpu_s, "memory_bytes": memory_mib and int(memory_mib * _MEBIBYTE)}
    args = [line for line in given["args"].split("\n") if line]
    content: dict[str, Any] = {
        "language": given["language"],
        "compiler_args": given["compiler_args"].split() or None,
        "limits": limits if any(limits.values()) else None,
        "email": given["email"].strip() or None,
        "locale": texts.get(_LOCALE) or None,
    }
    if not files:
        content["source"] = given["source"]
    tests = [test for test in given["tests"] if test["stdin"] or test["expected_output"]]
    if given["problem"]:
        # It has an input, tests and limits of its own.
        content |= {"problem": given["problem"], "limits": None}
    elif tests:
        content |= {"tests": [{**test, "args": args} for test in tests], "checker": {"kind": given["checker"] or None}}
    else:
        content |= {"stdin": given["stdin"], "args": args}
    shown, left_out = _short(given)
    return SentForm(
        shown,
        content,
        UploadedFiles(files) if files else None,
        left_out,
        [
            Fault("It must be a number.", pointer=f"/{name}")
            for name in ("cpu_s", "memory_mib")
            if given[name] and _number(given[name]) is None
        ],
    )


def _lines(text: str) -> str:
    """Return the text of a field with the ends of lines that its writer saw. Browsers send CR LF."""
    return text.replace("\r\n", "\n")


def _tests(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the rows of the table of tests, also the empty ones."""
    inputs, outputs, hidden = (
        [_lines(part.text()) for part in parts if part.name == name]
        for name in ("test_stdin", "test_expected", "test_hidden")
    )
    return [
        {"stdin": stdin, "expected_output": expected, "hidden": str(row) in hidden}
        for row, (stdin, expected) in enumerate(zip(inputs, outputs, strict=False))
    ]


def _short(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields that may be shown again, and the names of those that are too long together with the others."""
    shown: dict[str, Any] = {}
    room = _MAX_SHOWN
    for name, value in given.items():
        rows = [] if isinstance(value, str) else value
        size = sum(len(row["stdin"]) + len(row["expected_output"]) + _ROW for row in rows) if rows else len(value)
        if size <= room:
            shown[name] = value
            room -= size
    return shown, [name for name in given if name not in shown]


def _number(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None
