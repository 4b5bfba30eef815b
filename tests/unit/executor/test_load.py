from pathlib import Path

import pytest

from executor import load
from executor.load import Reading

TEXT = "some avg10=53.39 avg60=41.60 avg300=54.70 total=906799475\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


def test_the_kernels_count_is_read(tmp_path: Path) -> None:
    source = tmp_path / "cpu"
    source.write_text(TEXT)
    assert load.read(source, lambda: 5.0) == Reading(906_799_475, 5.0)


@pytest.mark.parametrize("text", ["", "\n", "nonsense"])
def test_a_kernel_that_does_not_tell_leaves_no_evidence(tmp_path: Path, text: str) -> None:
    source = tmp_path / "cpu"
    source.write_text(text)
    assert load.read(source) is None
    assert load.read(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("waited_us", "elapsed_s", "share"), [(0, 2.0, 0.0), (500_000, 2.0, 0.25), (2_100_000, 2.0, 1.0), (5, 0.0, None)]
)
def test_the_share_is_of_the_elapsed_time(waited_us: int, elapsed_s: float, share: float | None) -> None:
    assert load.share_between(Reading(100, 7.0), Reading(100 + waited_us, 7.0 + elapsed_s)) == share


def test_without_a_reading_there_is_no_share() -> None:
    assert load.share_between(None, Reading(1, 1.0)) is None
    assert load.share_between(Reading(1, 1.0), None) is None
