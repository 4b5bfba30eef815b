"""A fault: it begins, lasts a while, and is healed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.chaos.installation import Installation

Broken = TypeVar("Broken", bound=Installation)


@dataclass(frozen=True, slots=True)
class Fault(Generic[Broken]):
    """`part` is the part that it breaks, and `needs` are parts that it uses. The other fault of a pair spares both."""

    name: str
    part: str
    begin: Callable[[Broken], object]
    heal: Callable[[Broken], object] = lambda _: None
    needs: frozenset[str] = frozenset()
    #: The shortest and the longest time that it lasts, in seconds.
    seconds: tuple[float, float] = (0.3, 2.5)

    def goes_with(self, other: "Fault[Broken]") -> bool:
        return not ({self.part, *self.needs} & {other.part} or other.needs & {self.part})


@dataclass(frozen=True, slots=True)
class Strike:
    """The faults that began and were healed together, at these times (UNIX seconds)."""

    names: tuple[str, ...]
    began: float
    healed: float
