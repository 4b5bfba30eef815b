"""The attacks as data: `programs/<name>/` holds a source and its expected outcome."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Attack:
    """`then` is a second program that runs after the first. `request` and `expect` are case.toml's tables."""

    name: str
    language: str
    source: str
    then: str | None
    request: dict[str, Any]
    expect: dict[str, Any]


def load() -> list[Attack]:
    return [_load(path.parent) for path in sorted(_PROGRAMS.glob("*/case.toml"))]


def _load(folder: Path) -> Attack:
    case = tomllib.loads((folder / "case.toml").read_text())
    (source,) = folder.glob("source.*")
    then = next(folder.glob("then.*"), None)
    return Attack(
        name=folder.name,
        language=case["language"],
        source=source.read_text(),
        then=then.read_text() if then else None,
        request=case.get("request", {}),
        expect=case["expect"],
    )
