"""What a measure found, in the form in which it is shown and kept."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table. `met` is None where nothing is promised, or where the measure was skipped.

    `details` hold what the line was computed from.
    """

    measure: str
    ours: str
    beside: str
    ratio: float | None
    target: str
    met: bool | None
    details: dict[str, Any] = field(default_factory=dict)


def median_ratio(ours: Sequence[float], beside: Sequence[float]) -> float:
    """Of interleaved rounds: each is compared with its neighbour, so that what the machine did to both falls out."""
    return statistics.median(one / other for one, other in zip(ours, beside, strict=True))
