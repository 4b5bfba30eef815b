"""Keeps results on disk, so that a run can be continued, and a table can combine several runs."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.hosts.facts import Facts
from tests.hosts.result import Result


class Store:
    """The results of one commit on one architecture. A new result replaces an older one of the same cell."""

    def __init__(self, folder: Path, architecture: str, commit: str) -> None:
        self._file = folder / "results" / f"{architecture}-{commit}.json"
        self.results: list[Result] = []
        self.facts: Facts | None = None
        if self._file.exists():
            stored = json.loads(self._file.read_text())
            self.facts = Facts(**stored["machine"])
            self.results = [Result(**{**one, "details": tuple(one["details"])}) for one in stored["results"]]

    def keep(self, result: Result, facts: Facts) -> None:
        self.facts = facts
        cell = _cell(result)
        self.results = [one for one in self.results if _cell(one) != cell] + [result]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(as_json(facts, self.results), indent=1) + "\n")
        draft.replace(self._file)


def as_json(facts: Facts, results: Iterable[Result]) -> dict[str, Any]:
    return {"machine": asdict(facts), "results": [asdict(one) for one in results]}


def _cell(result: Result) -> tuple[str, str, str]:
    return result.configuration, result.suite, result.part
