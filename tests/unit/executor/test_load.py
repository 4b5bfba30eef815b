import asyncio
from pathlib import Path

import pytest

from executor import load
from executor.load import Reading

TEXT = "some avg10=53.39 avg60=41.60 avg300=54.70 total=906799475\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


@pytest.mark.parametrize(("text", "waited_us"), [(TEXT, 906_799_475), ("", None), ("\n", None), ("nonsense", None)])
def test_the_kernels_counter_is_read(tmp_path: Path, text: str, waited_us: int | None) -> None:
    source = tmp_path / "cpu"
    source.write_text(text)
    reading = load.read(source)
    assert (reading and reading.waited_us) == waited_us
    assert load.read(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        (Reading(100, 7.0), Reading(100, 9.0), 0.0),
        (Reading(100, 7.0), Reading(500_100, 9.0), 0.25),
        (Reading(100, 7.0), Reading(2_100_100, 9.0), 1.0),
        (Reading(100, 7.0), Reading(105, 7.0), None),
        (None, Reading(1, 1.0), None),
        (Reading(1, 1.0), None, None),
    ],
)
async def test_the_share_relates_to_the_elapsed_time(
    monkeypatch: pytest.MonkeyPatch, before: Reading | None, after: Reading | None, share: float | None
) -> None:
    readings = iter((before, after))
    monkeypatch.setattr(load, "read", lambda: next(readings))
    since = load.Since(asyncio.get_running_loop())
    await asyncio.sleep(0)
    assert since.share() == share
