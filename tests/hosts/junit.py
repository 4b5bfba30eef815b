"""Reads the report of `pytest --junitxml`."""

from dataclasses import dataclass
from xml.etree import ElementTree


@dataclass(frozen=True)
class Report:
    """`failures` has a line for each test that failed or could not be set up: its name and its reason's first line."""

    passed: int
    skipped: int
    failures: tuple[str, ...]

    @property
    def total(self) -> int:
        return self.passed + len(self.failures)


def read(text: str) -> Report | None:
    """Return the report, or None if the text is not one."""
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    passed = skipped = 0
    failures = []
    for case in tree.iter("testcase"):
        failed = [found for kind in ("failure", "error") if (found := case.find(kind)) is not None]
        if failed:
            failures.append(f"{case.get('name')}: {_first_line(failed[0].get('message', ''))}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Report(passed, skipped, tuple(failures))


def _first_line(message: str) -> str:
    line = message.partition("\n")[0]
    return line if len(line) <= 300 else line[:299] + "…"
