"""The interface of a meter: how much one step has used so far."""

from dataclasses import dataclass
from typing import Protocol

from executor.sandbox.keeper.protocol import StepLimits


@dataclass(frozen=True)
class ResourceUsage:
    """CPU seconds and peak bytes of all processes of a step; `exhausted` if they need more memory than allowed."""

    cpu_s: float
    memory_bytes: int
    exhausted: bool = False


class Meter(Protocol):
    def joins(self) -> list[int]:
        """Return descriptors to which the step's first process writes "0" while it has its privileges. From then on it
        and its children are counted. The caller closes them."""

    def begin(self, limits: StepLimits) -> None:
        """Start to count. What the step's process has used while it waited does not count."""

    def give_way(self) -> bool:
        """Give the step a tenth of the weight. Returns False if it cannot."""

    def sample(self) -> ResourceUsage:
        """Return the use until now."""

    def conclude(self, reported: ResourceUsage) -> ResourceUsage:
        """Return the use at the step's end, which process 1 has `reported`."""

    def is_starved(self) -> bool:
        """Return True if the kernel has killed a process for lack of memory since the step began.

        It may be one that `sample` has never seen.
        """

    def close(self) -> None:
        """Release the meter. All processes of the step are dead."""
