"""Words what a class did: who was skipped, how many have how many points, and which tests failed most."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from precieux.classes.choose import short
from precieux_client import Submission
from precieux_client.models import GOOD_VERDICTS

_SHOWN_SKIPPED: Final = 20
_MOST_VALUES: Final = 10
_SHOWN_TESTS: Final = 2


def lines(skipped: Sequence[tuple[str, str]], ended: Sequence[Submission], output: Path | None) -> Iterator[str]:
    """Yield the lines of the summary. `skipped` has names and why."""
    for number, (name, why) in enumerate(skipped[:_SHOWN_SKIPPED]):
        yield f"{f'Skipped {len(skipped)}:' if number == 0 else ' '} {name}: {why}"
    if len(skipped) > _SHOWN_SKIPPED:
        yield f"  and {len(skipped) - _SHOWN_SKIPPED} more; all are in {output or 'the results'}."
    points = [one.run.points_awarded for one in ended if one.run and one.run.points_awarded is not None]
    if points:
        yield from _histogram(points)
    yield from _failures(ended)


def _histogram(points: Sequence[float]) -> Iterator[str]:
    counts: Counter[str] = Counter(f"{value:.12g}" for value in sorted(points))
    if len(counts) > _MOST_VALUES:
        low = min(points)
        width = (max(points) - low) / _MOST_VALUES
        parts = [min(int((value - low) / width), _MOST_VALUES - 1) for value in points]
        counts = Counter({f"{low + part * width:.4g}-": parts.count(part) for part in range(_MOST_VALUES)})
    widths = [max(len(value), len(str(count))) + 2 for value, count in counts.items()]
    yield "Points  " + "".join(value.rjust(width) for value, width in zip(counts, widths, strict=True))
    yield "Students" + "".join(str(count).rjust(width) for count, width in zip(counts.values(), widths, strict=True))


def _failures(ended: Sequence[Submission]) -> Iterator[str]:
    tests: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for one in ended:
        for test in (one.run.tests or ()) if one.run else ():
            if test.verdict and test.verdict not in GOOD_VERDICTS:
                tests[short(test.name)] += 1
                if test.verdict != "wrong_answer":
                    others[f"{test.verdict.replace('_', ' ')} in {short(test.name)}"] += 1
    most = [*tests.most_common(_SHOWN_TESTS), *others.most_common(1)]
    if most:
        shown = [f"{name} ({count}{f' of {len(ended)}' * (at == 0)})" for at, (name, count) in enumerate(most)]
        yield f"Failed most: {', '.join(shown)}."
