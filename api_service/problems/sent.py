"""The settings and the package that a call sends, once they are read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class ProblemSettings:
    """The settings that a call names, by their names; None takes one back."""

    given: Mapping[str, Any]

    def over(self, earlier: Mapping[str, Any]) -> dict[str, Any]:
        """Return the limits after the call, from those before it. Limits that are taken back are absent."""
        limits = {name: self.given.get(name, earlier.get(name)) for name in ("limits", "language_limits")}
        return {name: limit for name, limit in limits.items() if limit}


@dataclass(frozen=True, slots=True)
class Upload:
    """A package that was sent: a file, with its bytes and their SHA-256. `settings` are None if none were sent."""

    file: BinaryIO
    size_bytes: int
    sha256: str
    settings: bytes | None
