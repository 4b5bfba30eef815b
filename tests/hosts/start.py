"""How a command is started on a host, the executor's or the doctor's."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

PYTHON: Final = "/srv/precieux/.venv/bin/python"


class Start(Protocol):
    """`prepare` are shell commands that come first, of the same user, and `python` is the one to be started."""

    @property
    def prepare(self) -> tuple[str, ...]: ...

    @property
    def python(self) -> str: ...

    @property
    def prefix(self) -> tuple[str, ...]:
        """Words before a command that tests start, several at a time."""

    def run(self, command: Sequence[str]) -> str:
        """Return a shell command that runs one to its end, with its output and exit code."""


@dataclass(frozen=True)
class Prefix:
    """By a command that becomes the one that follows it, or runs it as a child; by none, it is as a login gives it."""

    words: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    python: str = PYTHON

    @property
    def prefix(self) -> tuple[str, ...]:
        return self.words

    def run(self, command: Sequence[str]) -> str:
        return shlex.join((*self.prefix, *command))


LOGIN: Final = Prefix(())
