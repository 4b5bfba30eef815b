"""The executor's targets, as ratios to the bare command on the same machine."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Target:
    """A bound, and perhaps a better one, the `stretch`."""

    bound: float
    stretch: float | None = None
    at_least: bool = False

    def met(self, ratio: float) -> bool:
        return self._within(ratio, self.bound)

    def text(self, ratio: float) -> str:
        """Return a text such as `<= 0.35x reached, 0.2x not`."""
        sign = ">=" if self.at_least else "<="
        text = f"{sign} {self.bound:g}x {'reached' if self.met(ratio) else 'NOT reached'}"
        if self.stretch is None:
            return text
        return f"{text}, {self.stretch:g}x {'reached' if self._within(ratio, self.stretch) else 'not'}"

    def _within(self, ratio: float, bound: float) -> bool:
        return ratio >= bound if self.at_least else ratio <= bound


def _rate(bound: float, stretch: float | None = None) -> Target:
    return Target(bound, stretch, at_least=True)


#: By language, for a hello-world that was never sent before.
LATENCY: Final = {
    "py": Target(0.35, 0.22),
    "js": Target(0.12),
    "c": Target(0.65, 0.55),
    "cpp": Target(0.12),
    "java": Target(0.08, 0.06),
}
CPU: Final = {
    "py": Target(1.0, 0.45),
    "js": Target(0.3),
    "c": Target(0.9),
    "cpp": Target(0.3),
    "java": Target(0.5),
}
#: By language with a compiler, for a source that was sent before.
SAME_SOURCE: Final = {code: Target(0.25) for code in ("c", "cpp", "java")}
#: Compared with two workers that run the bare command, from two connections on, since one cannot match two workers.
THROUGHPUT: Final = {"py": _rate(1.0, 2.5), "js": _rate(0.9), "c": _rate(1.1), "cpp": _rate(3.0), "java": _rate(4.0)}
#: The rate at the most connections compared with that at two. It must not fall; the margin is for noise.
STEADINESS: Final = {"py": _rate(0.95)}
#: For the slowest of the real programs.
REAL: Final = {"latency": Target(1.0), "own CPU": Target(1.02)}
