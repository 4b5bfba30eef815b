"""Targets, their texts in the table, and median ratios."""

import pytest

from benchmarks.findings import median_ratio
from benchmarks.targets import CPU, LATENCY, THROUGHPUT, Target


@pytest.mark.parametrize(
    ("target", "ratio", "met", "text"),
    [
        (Target(0.35, 0.2), 0.36, False, "<= 0.35x NOT reached, 0.2x not"),
        (Target(0.35, 0.2), 0.35, True, "<= 0.35x reached, 0.2x not"),
        (Target(0.35, 0.2), 0.1, True, "<= 0.35x reached, 0.2x reached"),
        (Target(1.3), 1.2, True, "<= 1.3x reached"),
        (Target(1.0, 3.0, at_least=True), 0.9, False, ">= 1x NOT reached, 3x not"),
        (Target(1.0, 3.0, at_least=True), 1.0, True, ">= 1x reached, 3x not"),
        (Target(1.0, 3.0, at_least=True), 3.5, True, ">= 1x reached, 3x reached"),
    ],
)
def test_a_target_shows_if_it_is_reached(target: Target, ratio: float, met: bool, text: str) -> None:
    assert target.met(ratio) is met
    assert target.text(ratio) == text


def test_a_stretch_is_beyond_the_bound() -> None:
    for target in (*LATENCY.values(), *CPU.values(), *THROUGHPUT.values()):
        assert target.stretch is None or target.met(target.stretch)


def test_load_on_both_sides_does_not_change_the_ratio() -> None:
    assert median_ratio([1.0, 10.0, 1.2], [2.0, 20.0, 2.4]) == 0.5
