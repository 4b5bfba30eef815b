"""The executor's targets, as ratios to the bare command on the same machine.

A target is the one bound of its figure, here, in README and in docs/performance.md: `make bench` ends with 1 if a
measured ratio is beyond it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Target:
    """The highest ratio that is allowed, or with `at_least` the lowest."""

    bound: float
    at_least: bool = False

    def met(self, ratio: float) -> bool:
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def text(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}x"


def _rate(bound: float) -> Target:
    return Target(bound, at_least=True)


#: By language, for a hello-world that was never sent before.
LATENCY: Final = {"py": Target(0.35), "js": Target(0.12), "c": Target(0.7), "cpp": Target(0.12), "java": Target(0.15)}
CPU: Final = {"py": Target(1.0), "js": Target(0.3), "c": Target(0.95), "cpp": Target(0.3), "java": Target(0.13)}
#: By language with a compiler, for a source that was sent before.
SAME_SOURCE: Final = {code: Target(0.25) for code in ("c", "cpp", "java")}
#: Compared with two workers that run the bare command, from two connections on, since one cannot match two workers.
THROUGHPUT: Final = {"py": _rate(1.0), "js": _rate(0.9), "c": _rate(1.1), "cpp": _rate(3.0), "java": _rate(4.0)}
#: The rate at the most connections compared with that at two. It must not fall; the margin is for noise.
STEADINESS: Final = {"py": _rate(0.95)}
#: For the slowest of the real programs.
REAL: Final = {"latency": Target(1.0), "own CPU": Target(1.02)}
#: Tests that a program of the same language judges, compared with tests whose output is compared by lines.
JUDGING: Final = Target(2.2)
