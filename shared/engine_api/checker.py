"""Compares a program's output with the expected output. Pure.

White space is that of ASCII: blank, tab, LF, VT, FF, CR.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from functools import partial
from itertools import chain, islice
from operator import eq
from typing import Final, TypeAlias

from shared.common.text.control_characters import LINE_SEPARATORS, replace_controls
from shared.engine_api.icpc_args import NUMBER, IcpcRules, parse_args
from shared.engine_api.run_call.request import DEFAULT_TOLERANCE, Checker, CheckerKind

#: Differences are exact to this many digits. So 1.1 differs from 1.0 by 0.1, and not by more.
_EXACT: Final = Context(prec=60, Emax=2_000_000_000, Emin=-2_000_000_000, traps=[])

_ZERO: Final = Decimal(0)

#: White space.
_BLANKS: Final = b" \t\n\v\f\r"
#: A word, for splitting a text into white space and words by turns, white space first and last.
_WORD: Final = re.compile(rb"([^ \t\n\v\f\r]++)")
#: Where a text may be divided: after a word, and before a line.
_WORDS_END: Final = re.compile(rb"(?<=[^ \t\n\v\f\r])[ \t\n\v\f\r]")
_LINES_BEGIN: Final = re.compile(rb"(?<=\n)")
#: Bytes that are split at a time. All words of a text at once would take up to thirty times its memory.
_BLOCK: Final = 1 << 16

#: The words, lines or places of a text, some at a time.
Blocks: TypeAlias = Iterator[list[bytes]]

#: A bound on the relative error of what is computed with doubles here.
_DOUBLE: Final = 1e-14

#: Lines of a difference, with one that says where it is, and characters of each.
_MAX_LINES: Final = 10
_MAX_CHARACTERS: Final = 200
_LINE_ENDS: Final = {0x0A: "\N{REPLACEMENT CHARACTER}", **LINE_SEPARATORS}


def compare(output: bytes, wanted: bytes, checker: Checker) -> str | None:
    """Return the first difference from the expected output, for people; None if the outputs are equal.

    The kind `program` compares nothing: a judge reads the output (`executor.pipeline.judges`).
    """
    if output == wanted:
        return None
    match checker.kind:
        case CheckerKind.EXACT:
            return _compare("line", _whole_lines(wanted), _whole_lines(output), _show_all)
        case CheckerKind.LINES:
            blanks = _BLANKS + b"\0" if checker.nul_is_blank else _BLANKS
            return _compare("line", _lines(wanted, blanks), _lines(output, blanks), _show)
        case CheckerKind.TOKENS:
            return _compare_words(wanted, output, IcpcRules(case_sensitive=True))
        case CheckerKind.FLOAT:
            tolerance = Decimal(repr(DEFAULT_TOLERANCE if checker.tolerance is None else checker.tolerance))
            rules = IcpcRules(case_sensitive=True, absolute=tolerance, relative=tolerance)
            return _compare_words(wanted, output, rules)
        case CheckerKind.ICPC:
            return _compare_words(wanted, output, parse_args(checker.args))
        case CheckerKind.PROGRAM:
            return None


def _split(text: bytes, may_divide: re.Pattern[bytes], split: Callable[[bytes], list[bytes]]) -> Blocks:
    """Yield what `split` makes of one piece of the text after the other. Pieces begin where `may_divide` matches."""
    start = 0
    while start < len(text):
        place = may_divide.search(text, start + _BLOCK)
        end = place.start() if place else len(text)
        yield split(text[start:end])
        start = end


def _whole_lines(text: bytes) -> Blocks:
    return _split(text, _LINES_BEGIN, partial(bytes.splitlines, keepends=True))


def _lines(text: bytes, blanks: bytes) -> Blocks:
    """Yield the lines without `blanks` at their ends, and without blank lines at the end."""

    def split(piece: bytes) -> list[bytes]:
        return [line.rstrip(blanks) for line in piece.removesuffix(b"\n").split(b"\n")]

    return _split(text.rstrip(blanks), _LINES_BEGIN, split)


def _compare_words(wanted: bytes, output: bytes, rules: IcpcRules) -> str | None:
    expected, words = (_split(text, _WORDS_END, bytes.split) for text in (wanted, output))
    difference = _compare("word", expected, words, _show, partial(_is_equal, rules=rules))
    if difference or not rules.space_change_sensitive:
        return difference
    # The words are equal in number, so the texts have as many places of white space.
    return _compare("white space", _places(wanted), _places(output), _show_space)


def _places(text: bytes) -> Blocks:
    """Yield the white space before each word and after the last, also where it is empty."""
    yield from _split(text, _WORDS_END, lambda piece: _WORD.split(piece)[:-1:2])
    yield [text[len(text.rstrip(_BLANKS)) :]]


def _is_equal(expected: bytes, word: bytes, rules: IcpcRules) -> bool:
    """Return True if a word is as expected. Numbers may differ by one of the tolerances; the relative one is a share of
    what is expected."""
    if expected == word or (not rules.case_sensitive and expected.lower() == word.lower()):
        return True
    absolute, relative = rules.absolute, rules.relative
    if (absolute is None and relative is None) or not (NUMBER.fullmatch(expected) and NUMBER.fullmatch(word)):
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


def _compare(
    unit: str,
    expected: Blocks,
    got: Blocks,
    show: Callable[[bytes], str],
    are_equal: Callable[[bytes, bytes], bool] = eq,
) -> str | None:
    """Return the first difference and what follows it, as in a unified diff: `-` expected, `+` printed. None if there
    is none."""
    expected, got = filter(None, expected), filter(None, got)
    position = 0
    one: list[bytes] = []
    other: list[bytes] = []
    while (one := one or next(expected, [])) and (other := other or next(got, [])):
        both = min(len(one), len(other))
        equal = both
        if one[:both] != other[:both]:
            pairs = enumerate(zip(one, other, strict=False))
            equal = next((index for index, pair in pairs if not are_equal(*pair)), both)
        position += equal
        one, other = one[equal:], other[equal:]
        if equal < both:
            break
    other = other or next(got, [])
    if not one and not other:
        return None
    room = (_MAX_LINES - 1) // 2 if unit == "line" else 1
    lines = [f"@@ {unit} {position + 1} @@"]
    lines += [f"-{text}" for text in _some(chain(one, *islice(expected, room)), room, show)]
    lines += [f"+{text}" for text in _some(chain(other, *islice(got, room)), room, show)]
    return "\n".join(lines)


def _some(units: Iterator[bytes], room: int, show: Callable[[bytes], str]) -> Iterator[str]:
    for unit in islice(units, room):
        text = show(unit)
        yield text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"


def _show(text: bytes) -> str:
    # A character may have four bytes. The rest is cut anyway.
    return replace_controls(text[: 4 * _MAX_CHARACTERS + 4].decode(errors="replace")).translate(_LINE_ENDS)


def _show_all(line: bytes) -> str:
    """Return the line with its end and its tabs visible."""
    body = line.rstrip(b"\r\n")
    return _show(body) + "".join({13: "\\r", 10: "\\n"}[byte] for byte in line[len(body) :])


def _show_space(text: bytes) -> str:
    """Return white space with its line ends and other controls visible."""
    return ascii(text[:_MAX_CHARACTERS].decode())[1:-1]
