"""When an output is as expected, and how a difference is shown."""

import time

import pytest

from shared.engine.checker import compare
from shared.engine.run_call import Checker, CheckerKind


def _is_accepted(kind: str, expected: str, output: str | bytes, tolerance: float | None = None) -> bool:
    checker = Checker(kind=CheckerKind(kind), tolerance=tolerance)
    return compare(output.encode() if isinstance(output, str) else output, expected.encode(), checker) is None


@pytest.mark.parametrize("kind", ["exact", "lines", "tokens", "float"])
@pytest.mark.parametrize("text", ["", "a\n", "1 2\n3", "é\r\n", "\0"])
def test_the_expected_output_is_accepted(kind: str, text: str) -> None:
    assert _is_accepted(kind, text, text)


@pytest.mark.parametrize(
    ("expected", "output", "kinds"),
    [
        ("a", "a\n", "lines tokens float"),
        ("a\n", "a", "lines tokens float"),
        ("a\nb", "a  \nb\t\n\n \n", "lines tokens float"),
        ("a\nb\n", "a\r\nb\r\n", "lines tokens float"),
        ("", "\n", "lines tokens float"),
        ("", " ", "lines tokens float"),
        ("a b", "a  b", "tokens float"),
        ("a\nb", "a\n\nb", "tokens float"),
        ("a", " a", "tokens float"),
        ("a", "\na", "tokens float"),
        ("a b", "a\nb", "tokens float"),
        ("a", "A", ""),
        ("a", "", ""),
        ("", "a", ""),
        ("a b", "ab", ""),
        ("a", "a a", ""),
        ("1.0", "1", "float"),
        ("1e3", "1000", "float"),
        ("-0", "0", "float"),
        ("+5", "5.", "float"),
        (".5", "0.5", "float"),
        ("1", "1.0000001", "float"),
        ("1", "1.1", ""),
        ("1000000", "1000000.9", "float"),
        ("1000000", "1000001.1", ""),
        ("nan", "nan", "exact lines tokens float"),
        ("nan", "NaN", ""),
        ("inf", "1e999", ""),
        ("1e999", "1e998", ""),
        ("1_0", "10", ""),
        ("0x10", "16", ""),
        ("x1.0", "x1", ""),
        ("1.0.0", "1", ""),
        ("٣", "3", ""),
    ],
)
def test_each_checker_ignores_what_it_should(expected: str, output: str, kinds: str) -> None:
    accepting = [kind for kind in ("exact", "lines", "tokens", "float") if _is_accepted(kind, expected, output)]
    assert accepting == kinds.split()


@pytest.mark.parametrize(
    ("expected", "output", "tolerance", "accepted"),
    [
        ("1.0", "1.1", 0.1, True),  # their difference as doubles is above 0.1
        ("1.0", "1.1000000000000000000001", 0.1, False),
        ("0", "0.1", 0.1, True),
        ("0", "-0.1", 0.1, True),
        ("10", "11", 0.1, True),
        ("11", "10", 0.1, True),
        ("10", "11.01", 0.1, False),
        ("-10", "-11", 0.1, True),
        ("1", "1.0", 0, True),
        ("1", "1.0000000000000000000000000000000000000000000000000000000000000000001", 0, False),
        ("0.1", "0.10000000000000000555", 0, False),
        ("5", "0", 1, True),
        ("1e999999999", "1", 1, True),
        ("1", "1e999999999", 1, False),
        ("1e-999999999", "0", 0, False),
    ],
)
def test_numbers_may_differ_by_the_tolerance(expected: str, output: str, tolerance: float, accepted: bool) -> None:
    assert _is_accepted("float", expected, output, tolerance) is accepted


def test_output_that_is_no_text_is_compared_as_bytes() -> None:
    assert not _is_accepted("exact", "\N{REPLACEMENT CHARACTER}", b"\xff")
    assert not _is_accepted("lines", "\N{REPLACEMENT CHARACTER}", b"\xff")


@pytest.mark.parametrize("kind", ["exact", "lines", "tokens", "float"])
@pytest.mark.parametrize("unit", ["1 ", "1\n", "9" * 1000, "1e9 ", "\n", " "])
def test_a_long_output_is_compared_in_linear_time(kind: str, unit: str) -> None:
    text = unit * ((1 << 18) // len(unit))
    started = time.process_time()
    _is_accepted(kind, text, text[:-1] + "2")
    _is_accepted(kind, text.replace("1", "1.0"), text)
    assert time.process_time() - started < 3


def _diff(kind: str, expected: str, output: str) -> str | None:
    return compare(output.encode(), expected.encode(), Checker(kind=CheckerKind(kind)))


@pytest.mark.parametrize(
    ("kind", "expected", "output", "diff"),
    [
        ("lines", "a\nb\nc", "a\nx\nc", "@@ line 2 @@\n-b\n-c\n+x\n+c"),
        ("lines", "a", "", "@@ line 1 @@\n-a"),
        ("lines", "", "a", "@@ line 1 @@\n+a"),
        ("lines", "a", "a\nb", "@@ line 2 @@\n+b"),
        ("exact", "a\n", "a", "@@ line 1 @@\n-a\\n\n+a"),
        ("exact", "a\n", "a\r\n", "@@ line 1 @@\n-a\\n\n+a\\r\\n"),
        ("exact", "a\n", "a\n\n", "@@ line 2 @@\n+\\n"),
        ("tokens", "a b c", "a\nx c", "@@ word 2 @@\n-b\n+x"),
        ("tokens", "a b", "a", "@@ word 2 @@\n-b"),
        ("float", "1 2", "1.0 3 4", "@@ word 2 @@\n-2\n+3"),
    ],
)
def test_a_difference_is_shown_where_it_begins(kind: str, expected: str, output: str, diff: str) -> None:
    assert _diff(kind, expected, output) == diff


@pytest.mark.parametrize("kind", ["exact", "lines", "tokens", "float"])
@pytest.mark.parametrize("unit", ["x\n", "x\ry\n", "x\u2028y\n", "x\x85\v\f\n", "\x1b[31m\n", "é" * 9999 + "\n"])
def test_a_difference_is_short_and_harmless(kind: str, unit: str) -> None:
    diff = _diff(kind, unit * 50, "z" + unit * 50)
    assert diff
    assert len(diff.splitlines()) <= 10
    assert len(diff) < 10 * 220
    assert "\x1b" not in diff


@pytest.mark.parametrize(("expected", "output"), [("1" * 20_000, "2" * 20_000 + "x"), ("1." * 10_000, "2" * 20_000)])
def test_a_long_word_almost_a_number_takes_linear_time(expected: str, output: str) -> None:
    began = time.process_time()
    assert not _is_accepted("float", expected, output)
    assert time.process_time() - began < 0.5


def test_nul_is_white_space_on_demand() -> None:
    for checker, is_equal in ((Checker(), False), (Checker(nul_is_blank=True), True)):
        assert (compare(b"a \0\0\nb\0\n\0", b"a\nb", checker) is None) is is_equal
    assert compare(b"\0a", b"a", Checker(nul_is_blank=True)) is not None
