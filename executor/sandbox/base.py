"""What a sandbox is asked, and what it answers: plain values, no mechanism.

Modules above the sandbox import its values from here, and not from the modules that hold a program.
"""

import os
import socket
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, Protocol

from executor.sandbox.keeper.protocol import MAX_ARTEFACTS, RUN_STACK_BYTES, Shortcut, StepLimits, Zygote
from shared.errors import ConfigurationError

__all__ = [
    "HEADERS",
    "MAX_ARTEFACTS",
    "PRELOAD",
    "RUNTIMES",
    "RUN_STACK_BYTES",
    "File",
    "Job",
    "Ready",
    "Sandbox",
    "SandboxFailure",
    "Shortcut",
    "Step",
    "StepLimits",
    "StepResult",
    "Template",
    "Zygote",
    "find_python",
    "preload_files",
]  # fmt: skip

#: Folders inside the sandbox. This one holds precompiled headers.
HEADERS: Final = "/headers"
#: What was made for runtimes.
RUNTIMES: Final = "/runtimes"
#: The files of `executor/warm/preload`.
PRELOAD: Final = "/preload"

_PYTHONS: Final = ("/usr/bin/python3", "/usr/local/bin/python3")


@dataclass(frozen=True)
class Step:
    """One program to run in the box; the next step follows only if this one exits with 0.

    Of each output stream `output_bytes` are kept; a step that writes more is stopped if `stop_on_overflow`, and read to
    its end otherwise. With `merge_output` standard error goes where standard output goes. Where `stdin` is a socket, it
    is the caller's side of a conversation that they close.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    limits: StepLimits
    output_bytes: int
    stdin: bytes | socket.socket = b""
    shortcut: Shortcut | None = None
    merge_output: bool = False
    stop_on_overflow: bool = True


@dataclass(frozen=True)
class Template:
    """A box before its job is known. All files in it together may take `disk_bytes`; `limits` are those that its first
    step is likely to have.

    Its first process waits: to become any program; as a copy of the `zygote`, which runs the first step; or as the
    `stub`, which is started at once, and is told the first step's `argv` in a line of JSON, {"argv": [...]}, on its
    descriptor 3. A stub says there, by one byte "r", that it is ready.
    """

    disk_bytes: int
    limits: StepLimits
    zygote: Zygote | None = None
    stub: Step | None = None


@dataclass(frozen=True)
class File:
    """A file of the work folder."""

    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class Job:
    """One box: `files` lie in the work folder before the first step. Of a template with a stub, the first step's
    environment, limits of output, and merging are the stub's.

    The files that the first step makes are brought back when it succeeds, before the next one starts, if together they
    have up to `artefact_bytes`; they are then its `StepResult.artefacts`.
    """

    files: dict[str, File]
    steps: tuple[Step, ...]
    template: Template
    artefact_bytes: int = 0


@dataclass(frozen=True)
class StepResult:
    """How a step ended. `stopped` is the limit that did it: cpu, wall, memory or output; None when itself."""

    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    memory_bytes: int
    stopped: str | None
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)
    truncated: bool
    artefacts: dict[str, File] = field(default_factory=dict, repr=False)

    @property
    def succeeded(self) -> bool:
        return self.stopped is None and self.exit_code == 0


@dataclass(frozen=True)
class Ready:
    """How many boxes of a template to keep ready, and after how many seconds without any demand no more."""

    template: Template
    count: int
    idle_s: float


class SandboxFailure(Exception):
    """The box failed, not the program in it."""


class Sandbox(Protocol):
    async def run(self, job: Job) -> list[StepResult]:
        """Run the steps, in a box that nobody else uses, and return those that were started, in order.

        When it returns, or is cancelled, or raises `SandboxFailure`, every process of the box is dead.
        """


def find_python() -> str:
    """Return the interpreter of the keeper and of Python programs: one that every user of this system may run."""
    for python in _PYTHONS:
        if os.access(python, os.X_OK):
            return python
    raise ConfigurationError(f"The executor needs a Python at {' or '.join(_PYTHONS)}: run `apt install python3`.")


def preload_files() -> Traversable:
    """Return the folder of what starts ahead of programs, in their languages."""
    return resources.files("executor") / "warm/preload"
