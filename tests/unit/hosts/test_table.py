"""The table in a pipe and on a page."""

from tests.hosts import table
from tests.hosts.configuration import Configuration
from tests.hosts.facts import Facts
from tests.hosts.outcomes import Outcome
from tests.hosts.result import Result

_ONE = Configuration("one", "One | two", Outcome.BY_CGROUP)
_TWO = Configuration("two", "Two", Outcome.REFUSES, Outcome.BY_SAMPLING)
_RESULTS = [
    Result("one", "doctor", True, "serves by cgroup v2, 3 s", 3),
    Result("one", "programs", False, "6 of 7", 9, ("test_x: no",), 6, 7),
    Result("two", "doctor", True, "refuses, 2 s; then serves by sampling, 3 s", 5),
]


def test_rows_are_in_order_and_have_the_results() -> None:
    lines = table.build_lines([_TWO, _ONE, Configuration("three", "", Outcome.REFUSES)], _RESULTS)
    assert [(line.name, list(line.cells)) for line in lines] == [("two", ["doctor"]), ("one", ["doctor", "programs"])]
    assert lines[0].expected == "refuses; then serves by sampling"


def test_a_pipe_gets_tab_separated_lines() -> None:
    assert table.for_pipe(table.build_lines([_ONE, _TWO], _RESULTS)) == [
        "name\texpected\tdoctor\tprograms",
        "one\tserves by cgroup v2\tserves by cgroup v2, 3 s\tNOT OK: 6 of 7",
        "two\trefuses; then serves by sampling\trefuses, 2 s; then serves by sampling, 3 s\t-",
    ]


def test_a_page_gets_a_table_with_bold_failures() -> None:
    lines = table.for_markdown(table.build_lines([_ONE], _RESULTS))
    assert lines[0] == "| configuration | expected | doctor | programs |"
    assert lines[2] == "| One \\| two (`one`) | serves by cgroup v2 | serves by cgroup v2, 3 s | **6 of 7** |"


def test_failures_and_a_verdict_follow_the_table() -> None:
    lines = table.build_lines([_ONE, _TWO], _RESULTS)
    assert table.failures(lines) == ["one, programs: test_x: no"]
    assert table.verdict(lines) == "1 of 2 configurations are not as expected: one"
    assert table.verdict(lines[1:]) == "All 1 configurations are as expected."


def test_parts_are_merged_into_one_result() -> None:
    parts = [
        Result("one", "attacks", True, "30", 10, (), 30, 30, "2/3"),
        Result("one", "attacks", False, "29 of 30", 20, ("x",), 29, 30, "1/3"),
    ]
    assert table.merge_parts(parts) == Result("one", "attacks", False, "59 of 60; 2 of 3 parts", 30, ("x",), 59, 60)
    hung = Result("one", "attacks", False, "hangs", 600, (), part="3/3")
    assert table.merge_parts([*parts, hung]).words == "59 of 60; part 3/3: hangs"
    assert (
        table.merge_parts([parts[0], Result("one", "attacks", True, "1", 1, (), 1, 1, "1/2")]).words
        == "31; 2 of 3 parts"
    )


def test_the_heading_describes_the_machine() -> None:
    facts = Facts("1 May 2026", "abc", "amd64", "6.12", "13.1", "257", "26", "0.12", "2", "emulated", 6.5)
    assert "kernel 6.12" in table.heading(facts)
    assert "emulated, 6.5 times slower" in table.heading(facts)
