"""The findings of a benchmark, as they are shown and stored."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. `met` is None if there is no target, or if the measure was skipped.

    `details` holds the values from which the line was computed.
    """

    measure: str
    ours: str
    beside: str
    ratio: float | None
    target: str
    met: bool | None
    details: dict[str, Any] = field(default_factory=dict)


def median_ratio(ours: Sequence[float], beside: Sequence[float]) -> float:
    """Return the median ratio of interleaved rounds. It compares neighbours, so that other load cancels out."""
    return statistics.median(one / other for one, other in zip(ours, beside, strict=True))


def by_stored_rows(name: str, milliseconds: Mapping[int, float], target: float) -> Finding:
    """Compare how long an operation takes beside few and beside many stored rows, the keys of the mapping."""
    (few, beside), (many, ours) = sorted(milliseconds.items())
    return Finding(
        measure=f"{name}, by stored rows",
        ours=f"{ours:.2f} ms beside {many:,}",
        beside=f"{beside:.2f} ms beside {few:,}",
        ratio=ours / beside,
        target=f"<= {target:g}x",
        met=ours / beside <= target,
    )
