"""The findings of a benchmark, as they are shown and stored."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. `met` is None if there is no target or ratio, or if the measure was skipped.

    `details` holds the values from which the line was computed.
    """

    measure: str
    ours: str
    beside: str
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)


def median_ratio(ours: Sequence[float], beside: Sequence[float]) -> float:
    """Return the median ratio of interleaved rounds. It compares neighbours, so that other load cancels out."""
    return statistics.median(one / other for one, other in zip(ours, beside, strict=True))
