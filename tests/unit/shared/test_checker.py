"""When an output is as expected, and how a difference is shown."""

import re
import time
import tracemalloc
from decimal import Decimal
from typing import Final

import pytest
from pydantic import ValidationError

from shared.engine_api.checker import compare
from shared.engine_api.icpc_args import IcpcArgumentError, parse_args
from shared.engine_api.run_call.request import Checker, CheckerKind


def _is_accepted(kind: str, expected: str, output: str | bytes, tolerance: float | None = None) -> bool:
    checker = Checker(kind=CheckerKind(kind), tolerance=tolerance)
    return compare(output.encode() if isinstance(output, str) else output, expected.encode(), checker) is None


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


def _icpc(expected: str, output: str, *args: str) -> str | None:
    return compare(output.encode(), expected.encode(), Checker(kind=CheckerKind.ICPC, args=args))


@pytest.mark.parametrize(
    ("args", "expected", "accepted", "wrong"),
    [
        ("", "Yes 10", ["yes\n 10 ", "YES\v10"], ["yes", "yes 10 1", "yes 10.0", "ye s10", "yés 10"]),
        ("", "", [" \n"], ["x"]),
        ("case_sensitive", "Yes 10", [" Yes\t10\n"], ["yes 10"]),
        ("case_sensitive", "1.0", [], ["1", "1.00"]),
        ("space_change_sensitive", "A b\n", ["a B\n"], ["A  b\n", "A b", " A b\n", "A\nb\n", "A b\r\n", "A b\n\n"]),
        ("space_change_sensitive", "\n", [], ["", " ", "x\n"]),
        ("case_sensitive space_change_sensitive", "A b", [], ["a b", "A b "]),
        ("float_absolute_tolerance 0.5", "100", ["100.5", "99.5", "1.005e2", "+100"], ["100.51", "99.49", "x", "nan"]),
        ("float_absolute_tolerance 1e-3", ".5", ["0.501", "499e-3"], ["0.5011"]),
        ("float_relative_tolerance 0.01", "100", ["101", "99"], ["101.1"]),
        ("float_relative_tolerance 0.01", "-100", ["-101"], ["100", "-98.9"]),
        ("float_relative_tolerance 0.01", "0", ["0.0", "-0"], ["1e-9"]),
        ("float_absolute_tolerance 1 float_relative_tolerance 0.1", "100", ["110", "90"], ["110.1"]),
        ("float_absolute_tolerance 1 float_relative_tolerance 0.1", "5", ["6", "4"], ["6.01"]),
        ("float_tolerance 0.1", "0 x 100", ["0.1 X 110"], ["0.2 x 100", "0 y 100", "0 x 110.5"]),
        ("float_tolerance 0", "1", ["1.0", "1e0"], ["1.0000000001"]),
        ("float_tolerance 1e-6", "0x10 inf", ["0X10 INF"], ["16 inf", "0x10 1e999"]),
        ("float_tolerance 1e-6", "abc", ["ABC"], ["1"]),
        ("case_sensitive float_tolerance 1e-6", "aB 1", ["aB 1.0"], ["AB 1"]),
        ("float_tolerance 0.5 space_change_sensitive", "1 2\n", ["1.5 2.5\n"], ["1  2\n", "1.6 2\n"]),
        ("float_absolute_tolerance 1", "1e999", ["1e999", "10e998"], ["1e998", "2"]),
    ],
)  # fmt: skip
def test_icpc_compares_as_the_default_validator_of_packages(
    args: str, expected: str, accepted: list[str], wrong: list[str]
) -> None:
    assert [output for output in accepted if _icpc(expected, output, *args.split())] == []
    assert [output for output in wrong if not _icpc(expected, output, *args.split())] == []


def test_icpc_shows_words_and_white_space() -> None:
    assert _icpc("a b", "a c") == "@@ word 2 @@\n-b\n+c"
    assert _icpc("a b\n", "a\tb\n", "space_change_sensitive") == "@@ white space 2 @@\n- \n+\\t"
    assert _icpc("a\r\n", "a", "space_change_sensitive") == "@@ white space 2 @@\n-\\r\\n\n+"


@pytest.mark.parametrize(
    ("args", "position", "fault"),
    [
        ("float", 0, "There is no argument 'float' of `icpc`"),
        ("case_sensitive CASE_SENSITIVE", 1, "There is no argument"),
        ("1e-6", 0, "There is no argument"),
        ("case_sensitive case_sensitive", 1, "Another argument"),
        ("float_tolerance 1 float_tolerance 1", 2, "Another argument"),
        ("float_tolerance 1 float_absolute_tolerance 1", 2, "Another argument"),
        ("float_relative_tolerance 1 float_tolerance 1", 2, "Another argument"),
        ("float_tolerance", 0, "A number must follow `float_tolerance`."),
        *(
            (f"case_sensitive float_tolerance {number}", 2, "is no number of 0 or more")
            for number in (
                "case_sensitive",
                "-1",
                "-1e-999",
                "nan",
                "inf",
                "1e999",
                "0x1",
                "1_0",
                "1,5",
                "\u0663",
                "e5",
            )
        ),
    ],
)
def test_wrong_arguments_of_icpc_are_refused(args: str, position: int, fault: str) -> None:
    with pytest.raises(IcpcArgumentError, match=re.escape(fault)) as raised:
        parse_args(args.split())
    assert raised.value.position == position
    with pytest.raises(ValidationError, match=re.escape(fault)):
        Checker(kind=CheckerKind.ICPC, args=tuple(args.split()))


@pytest.mark.parametrize("number", ["0", "-0", "1", "+1e-3", ".5", "5.", "1E9"])
def test_tolerances_of_icpc_are_decimal_numbers(number: str) -> None:
    assert parse_args(["float_tolerance", number]).absolute == Decimal(number)


_LONG: Final = b"ab cd\r\n" * 30_000


@pytest.mark.parametrize("kind", ["exact", "lines", "tokens", "icpc"])
def test_a_difference_far_into_a_long_text_is_found(kind: str) -> None:
    checker = Checker(kind=CheckerKind(kind))
    wanted, output = (_LONG + text + _LONG for text in (b"x", b"y"))
    unit, number = ("line", 30_001) if kind in ("exact", "lines") else ("word", 60_001)
    assert str(compare(output, wanted, checker)).startswith(f"@@ {unit} {number} @@\n-xab")
    assert compare(wanted, wanted.replace(b" ", b" \n"), checker) is None or unit == "line"


def test_long_white_space_counts_as_one_place() -> None:
    blanks = b"\n" * 200_000
    checker = Checker(kind=CheckerKind.ICPC, args=("space_change_sensitive",))
    wanted = blanks + b"a" + blanks + _LONG + blanks
    assert str(compare(wanted + b" ", wanted, checker)).startswith("@@ white space 60002 @@\n")
    assert str(compare(wanted.replace(b"a" + blanks[: 1 << 16], b"a"), wanted, checker)).startswith(
        "@@ white space 2 @@\n"
    )


@pytest.mark.parametrize("kind", ["lines", "tokens"])
def test_a_long_comparison_takes_little_memory(kind: str) -> None:
    """All words of both texts at once would take 6 MB."""
    output, checker = _LONG.replace(b" ", b"\n"), Checker(kind=CheckerKind(kind))
    tracemalloc.start()
    try:
        compare(output, output + b"\nx", checker)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
