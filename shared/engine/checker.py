"""Compares a program's output with the expected output. Pure.

White space is that of ASCII: blank, tab, LF, VT, FF, CR.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal
from itertools import zip_longest
from typing import Final

from shared.engine.icpc import NUMBER, IcpcRules, parse_args
from shared.engine.run_call import DEFAULT_TOLERANCE, Checker, CheckerKind
from shared.text.control_characters import LINE_SEPARATORS, replace_controls

#: Differences are exact to this many digits. So 1.1 differs from 1.0 by 0.1, and not by more.
_EXACT: Final = Context(prec=60, Emax=2_000_000_000, Emin=-2_000_000_000, traps=[])

_ZERO: Final = Decimal(0)

#: White space.
_BLANKS: Final = b" \t\n\v\f\r"
#: A word, for splitting a text into white space and words by turns, white space first and last.
_WORD: Final = re.compile(rb"([^ \t\n\v\f\r]++)")

#: A bound on the relative error of what is computed with doubles here.
_DOUBLE: Final = 1e-14

#: Lines of a difference, with one that says where it is, and characters of each.
_MOST_LINES: Final = 10
_MOST_CHARACTERS: Final = 200
_LINE_ENDS: Final = {0x0A: "\N{REPLACEMENT CHARACTER}", **LINE_SEPARATORS}


def compare(output: bytes, wanted: bytes, checker: Checker) -> str | None:
    """Return the first difference from the expected output, for people; None if there is none.

    The kind `program` compares nothing: a judge reads the output (`executor.pipeline.judges`).
    """
    if output == wanted:
        return None
    match checker.kind:
        case CheckerKind.EXACT:
            return _describe("line", wanted.splitlines(keepends=True), output.splitlines(keepends=True), _show_all)
        case CheckerKind.LINES:
            blanks = _BLANKS + b"\0" if checker.nul_is_blank else _BLANKS
            wanted_lines, lines = _lines(wanted, blanks), _lines(output, blanks)
            return None if wanted_lines == lines else _describe("line", wanted_lines, lines, _show)
        case CheckerKind.TOKENS:
            return _compare_words(wanted.split(), output.split(), lambda expected, word: expected == word)
        case CheckerKind.FLOAT:
            tolerance = Decimal(repr(DEFAULT_TOLERANCE if checker.tolerance is None else checker.tolerance))
            return _compare_words(
                wanted.split(), output.split(), lambda expected, word: _is_close(expected, word, tolerance, tolerance)
            )
        case CheckerKind.ICPC:
            return _compare_as_icpc(output, wanted, parse_args(checker.args))
        case CheckerKind.PROGRAM:
            return None


def _lines(text: bytes, blanks: bytes) -> list[bytes]:
    """Return the lines without `blanks` at their ends, and without blank lines at the end."""
    lines = [line.rstrip(blanks) for line in text.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _compare_words(
    expected: Sequence[bytes], words: Sequence[bytes], are_equal: Callable[[bytes, bytes], bool]
) -> str | None:
    if expected == words:
        return None
    different = next(
        (position for position, pair in enumerate(zip(expected, words, strict=False)) if not are_equal(*pair)), None
    )
    if different is None and len(expected) == len(words):
        return None
    return _describe("word", expected, words, _show, min(len(expected), len(words)) if different is None else different)


def _compare_as_icpc(output: bytes, wanted: bytes, rules: IcpcRules) -> str | None:
    expected, words = wanted.split(), output.split()
    difference = _compare_words(expected, words, lambda expected, word: _is_equal_to_icpc(expected, word, rules))
    if difference or not rules.space_change_sensitive:
        return difference
    # The words are equal in number, so the texts have as many places of white space.
    places, others = _WORD.split(wanted)[::2], _WORD.split(output)[::2]
    return None if places == others else _describe("white space", places, others, _show_space)


def _is_equal_to_icpc(expected: bytes, word: bytes, rules: IcpcRules) -> bool:
    has_tolerance = rules.absolute is not None or rules.relative is not None
    if has_tolerance and NUMBER.fullmatch(expected):
        return _is_close(expected, word, rules.absolute, rules.relative)
    return expected == word or (not rules.case_sensitive and expected.lower() == word.lower())


def _is_close(expected: bytes, word: bytes, absolute: Decimal | None, relative: Decimal | None) -> bool:
    """Return True if the difference is within one of the tolerances; the relative one is a share of what is
    expected."""
    if expected == word:
        return True
    if not (NUMBER.fullmatch(expected) and NUMBER.fullmatch(word)):
        return False
    absolute, relative = absolute or _ZERO, relative or _ZERO
    # Doubles are faster, and decide unless the difference is about as large as the tolerance.
    doubles = float(expected), float(word)
    rough = abs(doubles[1] - doubles[0])
    allowed = max(float(absolute), float(relative) * abs(doubles[0]))
    error = _DOUBLE * (abs(doubles[0]) + abs(doubles[1]) + allowed)
    if rough + error < allowed or rough - error > allowed:
        return rough < allowed
    wanted, number = Decimal(expected.decode()), Decimal(word.decode())
    difference = _EXACT.abs(_EXACT.subtract(number, wanted))
    return difference <= absolute or difference <= _EXACT.multiply(relative, _EXACT.abs(wanted))


def _describe(
    unit: str, expected: Sequence[bytes], got: Sequence[bytes], show: Callable[[bytes], str], first: int | None = None
) -> str:
    """Return the first difference and what follows it, as in a unified diff: `-` expected, `+` printed."""
    if first is None:
        pairs = enumerate(zip_longest(expected, got))
        first = next(position for position, (wanted, line) in pairs if wanted != line)
    room = (_MOST_LINES - 1) // 2 if unit == "line" else 1
    lines = [f"@@ {unit} {first + 1} @@"]
    lines += [f"-{text}" for text in _some(expected, first, room, show)]
    lines += [f"+{text}" for text in _some(got, first, room, show)]
    return "\n".join(lines)


def _some(units: Sequence[bytes], first: int, room: int, show: Callable[[bytes], str]) -> Iterator[str]:
    for unit in units[first : first + room]:
        text = show(unit)
        yield text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _show(text: bytes) -> str:
    # A character may have four bytes. The rest is cut anyway.
    return replace_controls(text[: 4 * _MOST_CHARACTERS + 4].decode(errors="replace")).translate(_LINE_ENDS)


def _show_all(line: bytes) -> str:
    """Return the line with its end and its tabs visible."""
    body = line.rstrip(b"\r\n")
    return _show(body) + "".join({13: "\\r", 10: "\\n"}[byte] for byte in line[len(body) :])


def _show_space(text: bytes) -> str:
    """Return white space with its line ends and other controls visible."""
    return ascii(text[:_MOST_CHARACTERS].decode())[1:-1]
