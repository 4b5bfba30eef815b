"""The pure parts of `make bench`: rates, ratios, lines and the table."""

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks import report
from benchmarks.findings import Finding
from benchmarks.pairs import Series, findings
from benchmarks.programs import HELLO, OTHERS, numbers
from benchmarks.targets import Target
from benchmarks.throughput import steady_rate

SERIES = Series(ours_s=[0.01, 0.02, 0.3], bare_s=[0.02, 0.04, 0.6], ours_cpu_s=0.3, bare_cpu_s=0.1)


def kept(found: list[Finding]) -> dict[str, Any]:
    machine = {"cores": 2, "processor": "a processor", "system": "Linux", "load_average": [1.5, 1.0, 0.5]}
    each = [asdict(finding) for finding in found]
    tools = {"c": "gcc 14.2.0", "py": "Python 3.13.5"}
    run = {
        "date": "2026-01-02T03:04:05+00:00",
        "machine": machine,
        "commit": "c",
        "command": "x",
        "toolchains": tools,
    }
    return {**run, "findings": each}


def test_a_rate_counts_from_the_first_answer_to_the_end() -> None:
    # The first answer comes from a full pool, the last two come while the queue empties.
    assert steady_rate([0.1, 2.0, 3.0, 4.0, 4.1, 4.2], end=4.0) == 1.0


@pytest.mark.parametrize(("came", "rate"), [([], 0.0), ([4.0], 0.25), ([2.0, 4.0], 0.5)])
def test_a_few_answers_make_a_rate_too(came: list[float], rate: float) -> None:
    assert steady_rate(came, end=5.0) == rate


def test_cpu_time_is_that_of_the_whole_series() -> None:
    latency, cpu = findings(HELLO["py"], SERIES, Target(0.35), Target(1.3))

    assert latency.ratio == 0.5
    assert latency.met is False
    assert latency.ours == "20.0 ms (3 pairs)"
    assert cpu.ratio == pytest.approx(3.0)
    assert (cpu.ours, cpu.beside) == ("100.0 ms (3 pairs)", "33.3 ms")
    assert cpu.met is False


def test_a_finding_without_a_target_is_neither_met_nor_missed() -> None:
    assert [finding.met for finding in findings(HELLO["py"], SERIES, None, None)] == [None, None]


def test_the_table_shows_load_toolchains_and_targets() -> None:
    found = list(findings(HELLO["py"], SERIES, Target(0.35), Target(1.3)))

    text = report.markdown(kept(found), found)

    assert "load average 1.5, 1, 0.5 at the start" in text
    assert "`x`; c: gcc 14.2.0; py: Python 3.13.5\n" in text
    assert "| 0.50x   | <= 0.35x | no    |" in text


def test_no_program_is_like_an_earlier_one() -> None:
    fresh = numbers()
    one, other = next(fresh), next(fresh)
    for program in (*HELLO.values(), *OTHERS):
        assert program.source(one) != program.source(other)
        assert str(one) in program.expected(one)
        assert one < 2**53
