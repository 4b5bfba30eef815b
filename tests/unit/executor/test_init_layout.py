"""The C files of the sandbox: calls between them form no circle, and each includes the headers of what it calls."""

import re
from pathlib import Path

import pytest

from executor.sandbox.init import build
from executor.sandbox.keeper import box, protocol
from executor.sandbox.streams import collected

_FOLDER = Path(build.__file__).parent
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
#: A function that is not static: its type and name begin a line.
_DEFINITION = re.compile(r"^(?!static\b)\w[\w *]*?\b(\w+)\([^;{}]*\)\n\{", re.MULTILINE)
_DECLARATION = re.compile(r"\b(\w+)\([^()]*\);")
_INCLUDE = re.compile(r'^#include "(\w+)\.h"', re.MULTILINE)


def _read(suffix: str) -> dict[str, str]:
    """Return the text of all files with the suffix, without comments, by their names without it."""
    return {path.stem: _COMMENT.sub("", path.read_text()) for path in _FOLDER.glob(f"*{suffix}")}


_CODE, _HEADERS = _read(".c"), _read(".h")
_DEFINED = {name: set(_DEFINITION.findall(code)) for name, code in _CODE.items()}


def _called_files(name: str) -> set[str]:
    """Return the other files whose functions this one calls."""
    calls = set(re.findall(r"\b(\w+)\(", _CODE[name]))
    return {other for other, defined in _DEFINED.items() if other != name and defined & calls}


def test_the_layout_lists_each_file_above_those_it_calls() -> None:
    layout = re.findall(r"^ \*   (\w+)\.c\b", (_FOLDER / "main.c").read_text(), re.MULTILINE)
    assert sorted(layout) == sorted(_CODE)
    for position, name in enumerate(layout):
        assert _called_files(name) <= set(layout[position:])


@pytest.mark.parametrize("name", sorted(_CODE))
def test_a_file_includes_the_headers_of_what_it_calls(name: str) -> None:
    assert _called_files(name) <= set(_INCLUDE.findall(_CODE[name]))


@pytest.mark.parametrize("name", sorted(_HEADERS))
def test_a_header_declares_what_its_file_defines(name: str) -> None:
    assert set(_DECLARATION.findall(_HEADERS[name])) == _DEFINED[name]


def test_numbers_of_c_and_of_python_are_the_same() -> None:
    code = "\n".join([*_CODE.values(), *_HEADERS.values()])
    named = {name: int(number) for name, number in re.findall(r"^    (MAX_\w+) = (\d+),", code, re.MULTILINE)}
    common = named.keys() & vars(protocol).keys()
    assert common == {"MAX_PACKET", "MAX_DESCRIPTORS", "MAX_FILES"}
    assert {name: named[name] for name in common} == {name: getattr(protocol, name) for name in common}
    assert f"enum {{ SENDS_KILL = {box._SENDS_KILL} }};" in code


def test_reasons_of_c_and_of_python_have_the_same_order() -> None:
    (fates,) = re.findall(r"^enum fate \{ (.*), FATES_LEFT_OUT\b", _CODE["collect"], re.MULTILINE)
    assert fates.split(", ") == [reason.name for reason in collected._REASONS]
