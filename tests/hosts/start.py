"""How to start the executor or the doctor on a host."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

PYTHON: Final = "/srv/precieux/.venv/bin/python"


class Start(Protocol):
    """The user first runs the shell commands in `prepare`. `python` is the interpreter to start."""

    @property
    def prepare(self) -> tuple[str, ...]: ...

    @property
    def python(self) -> str: ...

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words to put before a command that tests start. Several such commands may run at a time."""

    def run(self, command: Sequence[str]) -> str:
        """Return a shell command that runs `command` to its end, and has its output and exit code."""


@dataclass(frozen=True)
class Prefix:
    """Puts words such as `systemd-run --scope` before a command. Without words, the command runs as in a login."""

    words: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    python: str = PYTHON

    @property
    def prefix(self) -> tuple[str, ...]:
        return self.words

    def run(self, command: Sequence[str]) -> str:
        return shlex.join((*self.prefix, *command))


LOGIN: Final = Prefix(())
