"""The attacks as data: `programs/<name>/` holds a source and its expected outcome."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

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
        source=_text(source),
        then=_text(then) if then else None,
        request=case.get("request", {}),
        expect=case["expect"],
    )


def _text(source: Path) -> str:
    """Return a program that works as many times longer as the limits of a patient test are higher."""
    return source.read_text().replace("@PATIENCE@", str(math.ceil(PATIENCE)))
