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

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        """Start to count. If the step's process `waited` for this, its CPU time so far does not count. Otherwise it
        counts until `conclude`, because the process is made after this call, or the program has begun before it."""

    def sample(self) -> ResourceUsage:
        """Return the use until now."""

    def conclude(self, reported: ResourceUsage, start_s: float, last_sample: ResourceUsage | None) -> ResourceUsage:
        """Return the use at the step's end, which process 1 has `reported`. The CPU seconds `start_s` do not count: the
        process of a further step used them before it got its step. `last_sample` is given if another step may
        have begun in the meantime, so that a new sample would be wrong."""

    def is_starved(self) -> bool:
        """Return True if the kernel has killed a process for lack of memory since the step began.

        It may be one that `sample` has never seen.
        """

    def close(self) -> None:
        """Release the meter. All processes of the step are dead."""
