"""Targets, which the documents quote, and median ratios."""

import re
from pathlib import Path
from typing import Final

import pytest

from benchmarks.findings import median_ratio
from benchmarks.targets import LATENCY, Target

_ROOT: Final = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (Target(0.35), 0.36, False),
        (Target(0.35), 0.35, True),
        (Target(1.0, at_least=True), 0.9, False),
        (Target(1.0, at_least=True), 1.0, True),
    ],
)
def test_a_target_is_the_last_ratio_that_is_allowed(target: Target, ratio: float, met: bool) -> None:
    assert target.met(ratio) is met


@pytest.mark.parametrize("document", ["README.md", "docs/performance.md"])
def test_the_documents_have_the_targets_of_the_benchmark(document: str) -> None:
    rows = re.findall(
        r"^\| (\w+)\b.* ms \| [\d.]+ \| ([\d.]+) \| [\d.]+ \|", (_ROOT / document).read_text(), re.MULTILINE
    )
    assert {language: float(target) for language, target in rows} == {
        language: target.bound for language, target in LATENCY.items()
    }


def test_load_on_both_sides_does_not_change_the_ratio() -> None:
    assert median_ratio([1.0, 10.0, 1.2], [2.0, 20.0, 2.4]) == 0.5
