"""The interface of a sandbox: jobs, results and limits, as plain values.

Modules above the sandbox import these values from here, and none of its mechanisms.
"""

import asyncio
import itertools
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, Protocol

from executor.sandbox.keeper.open_files import raise_file_limit as raise_file_limit
from executor.sandbox.keeper.protocol import CPU_MARGIN_S as CPU_MARGIN_S
from executor.sandbox.keeper.protocol import MAX_COMPILED_FILES as MAX_COMPILED_FILES
from executor.sandbox.keeper.protocol import RUN_STACK_BYTES as RUN_STACK_BYTES
from executor.sandbox.keeper.protocol import Shortcut as Shortcut
from executor.sandbox.keeper.protocol import StepLimits as StepLimits
from executor.sandbox.keeper.protocol import Template as Template
from executor.sandbox.keeper.protocol import Zygote as Zygote
from shared.common.service.errors import ConfigurationError
from shared.engine_api.run_call.events import LeftOut as LeftOut
from shared.engine_api.run_call.events import OutputStream as OutputStream

#: The folder inside the sandbox with precompiled headers.
HEADERS: Final = "/headers"
#: Folders in a box: that of the program's files, in which it starts, and that of files which it is given to read.
WORK: Final = "/box/work"
GIVEN: Final = "/box/given"
_GIVEN: Final = os.path.relpath(GIVEN, WORK)
#: The folder with files that were prepared for runtimes.
RUNTIMES: Final = "/runtimes"
#: The folder with the files of `executor/warm/preload`.
PRELOAD: Final = "/preload"

_PYTHONS: Final = ("/usr/bin/python3", "/usr/local/bin/python3")


@dataclass
class Wires:
    """The streams of a program with which the caller converses: descriptors of its standard input, output and error.

    The caller closes them when the job has ended. `signal` sends the program a signal; it does nothing until it runs.
    """

    stdin: int
    stdout: int
    stderr: int
    signal: Callable[[int], None] = lambda number: None


@dataclass
class Laps:
    """A step that the caller divides into laps, while it runs. `begin` gives the next one its limits of CPU and elapsed
    seconds, and returns the CPU seconds of the step so far; None if the step has ended. `ended` is done then."""

    begin: Callable[[float, float], Awaitable[float | None]]
    ended: asyncio.Future[Any]


@dataclass
class Pipes:
    """The descriptors by which a program talks with one in another box: those of its standard input and output. A judge
    also has those by which process 1 of its box passes the bytes (init/relay.h). `judge` is the judge's box."""

    descriptors: list[int]
    judge: int

    def take(self) -> list[int]:
        """Return the descriptors, which then belong to the caller."""
        taken, self.descriptors = self.descriptors, []
        return taken


class UnderWay(Protocol):
    """A step that has used its slice of CPU time. Neither call does anything if it has just ended."""

    def give_way(self) -> None:
        """Let it go on with a tenth of the weight."""

    def end_early(self) -> None:
        """End it. Its `run` raises `GaveWay`."""


@dataclass(frozen=True)
class Step:
    """One program to run in the box.

    The first `output_bytes` of each output stream are kept, or of these only the first `kept_bytes` and the end. A step
    that writes more than `output_bytes` is stopped if `stop_on_overflow`, and read to its end otherwise. With
    `merge_output`, standard error goes where standard output goes. With `report_order`, the result says in which order
    the output came. If `stdin` is a socket, the program converses with the caller, who closes it. With `wires`, the
    caller has all three streams, and nothing of them is kept. With `pipes`, only standard error is kept. `on_output`
    gets what is kept of the output as it comes. `on_slice` is called when the step, with its judge, has used its slice.
    With a `report`, standard error is that socket, and is not kept. `on_begin` gets the laps of the step.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    limits: StepLimits
    output_bytes: int
    stdin: bytes | socket.socket = b""
    shortcut: Shortcut | None = None
    merge_output: bool = False
    stop_on_overflow: bool = True
    report_order: bool = False
    wires: Wires | None = None
    pipes: Pipes | None = None
    kept_bytes: int | None = None
    on_output: Callable[[OutputStream, bytes], None] | None = None
    on_slice: Callable[[UnderWay], None] | None = None
    report: socket.socket | None = None
    on_begin: Callable[[Laps], None] | None = None


@dataclass(frozen=True)
class WorkFile:
    """A file of the work folder. By its `mode` it may be a link to the path that is its content, or an empty folder,
    whose name ends with a slash."""

    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class OutLimits:
    """The most files that are taken from a program's out folder, and their most bytes together; of each file, only the
    first `kept_bytes` are kept. `folder` is the folder, which is made if it is not there.

    With `paths`, these files are taken in place of those of a folder. They are relative to the work folder, or begin
    with `/tmp/`. If the folder is the work folder itself, everything in it is taken, or nothing if that is not possible
    (`StepResult.compiled_files`), and the reason counts as left out."""

    files: int
    bytes: int
    folder: str = f"{WORK}/out"
    kept_bytes: int | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutFolder:
    """The files of a program's out folder by name, and the number of entries that were left out for each reason.
    `written` is the bytes of the files, also of those that are not kept.

    The names are the program's: any bytes but NUL and `/`, decoded by `os.fsdecode`. Those of `OutLimits.paths` are the
    paths.
    """

    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    left_out: dict[LeftOut, int] = field(default_factory=dict)
    written: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Job:
    """A step to run in a box, with `files` in the work folder.

    The files `given`, by name, are in the folder `GIVEN`. A program with a user of its own may not change them.

    With `out_limits`, files come back as `StepResult.out_folder`. They are collected when no process of the program is
    left. A program that was stopped by a limit has none.
    """

    files: dict[str, WorkFile]
    step: Step
    template: Template
    out_limits: OutLimits | None = None
    given: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    judge: "JudgeJob | None" = None

    @property
    def all_files(self) -> dict[str, WorkFile]:
        """The files by their paths, as the work folder sees them."""
        return {**self.files, **{f"{_GIVEN}/{name}": WorkFile(content, 0o444) for name, content in self.given.items()}}


@dataclass(frozen=True)
class JudgeJob:
    """The job of a judge, which talks with a program. Both begin together. If the judge ends with
    another exit code than those that are `accepting`, the program is `stopped` as `killed`.

    The program's wall limit does not count the time in which only the judge computes, or waits for a processor. There
    a judge that has not ended is `stopped` too: as `hang` if it leaves unread what the program wrote, and could write
    itself; else as `deadlock`. Its own wall limit counts from the program's end on.
    """

    job: Job
    accepting: frozenset[int]


@dataclass(frozen=True)
class StepResult:
    """How a step ended.

    `stopped` is the limit that ended it: cpu, wall, memory or output; None if no limit did (`JudgeJob` has other
    reasons). `cut` has the names of the output streams of which only the beginning is kept. `turns` has the bytes of
    standard output and of standard error that came by turns, standard output first. `written` is the bytes of both, up
    to the step's limit. `ended_at` is on a clock that all boxes share. Of its `wall_s`, a thread of it `waited_s` for a
    processor, as far as that is known. If the step succeeded, `compiled_files` has everything in the work folder, if
    that was asked for. `judge` is how the job's judge ended.
    """

    exit_code: int | None
    signal: int | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    memory_bytes: int = 0
    stopped: str | None = None
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    compiled_files: dict[str, WorkFile] = field(default_factory=dict, repr=False)
    cut: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()
    out_folder: OutFolder = field(default_factory=OutFolder, repr=False)
    ended_at: float = 0.0
    written: int = 0
    waited_s: float = 0.0
    judge: "StepResult | None" = None

    @property
    def succeeded(self) -> bool:
        return self.stopped is None and self.exit_code == 0

    @property
    def truncated(self) -> bool:
        return bool(self.cut)

    @property
    def why_failed(self) -> str:
        """The limit that ended the step, or else what it wrote, or else how it ended."""
        output = (self.stderr or self.stdout).decode(errors="replace").strip()
        return self.stopped or output or (f"signal {self.signal}" if self.signal else f"exit code {self.exit_code}")


def memory_of(job: Job) -> int:
    """Return the bytes of memory that a job and its judge may take. Each MiB of files counts here and in the box."""
    files_mib = sum(len(file.content) for file in job.files.values()) >> 20
    return job.step.limits.memory_bytes + 2 * (files_mib << 20) + (memory_of(job.judge.job) if job.judge else 0)


def all_files(max_bytes: int) -> OutLimits:
    """Return what takes everything in the work folder."""
    return OutLimits(MAX_COMPILED_FILES, max_bytes, WORK)


class SandboxFailure(Exception):
    """The sandbox failed, not the program in it."""


def open_pipes(count: int) -> list[tuple[int, int]]:
    """Return the read and write end of each. Raises `SandboxFailure` if the kernel refuses one."""
    pipes: list[tuple[int, int]] = []
    try:
        while len(pipes) < count:
            pipes.append(os.pipe2(os.O_CLOEXEC))
    except OSError as exc:
        for end in itertools.chain(*pipes):
            os.close(end)
        raise SandboxFailure(f"there are no pipes for the program: {exc.strerror}") from exc
    return pipes


class GaveWay(Exception):
    """A step was ended, to be begun again. It has no verdict."""


class Sandbox(Protocol):
    async def run(self, job: Job) -> StepResult:
        """Run the step in a box of its own, and return how it ended.

        When it returns, is cancelled or raises `SandboxFailure`, every process of the box is dead.
        """


class BoundedSandbox:
    """Runs jobs in their order, and at most `max_count` at once."""

    def __init__(self, sandbox: Sandbox, max_count: int) -> None:
        self._sandbox = sandbox
        self._free = asyncio.Semaphore(max_count)

    async def run(self, job: Job) -> StepResult:
        async with self._free:
            return await self._sandbox.run(job)


def find_python() -> str:
    """Return the Python of the keeper and of Python programs. Every user of this system may run it."""
    for python in _PYTHONS:
        if os.access(python, os.X_OK):
            return python
    raise ConfigurationError(f"The executor needs a Python at {' or '.join(_PYTHONS)}: run `apt install python3`.")


def preload_files() -> Traversable:
    """Return the folder of the code that runtimes and compilers load before they know their program."""
    return resources.files("executor") / "warm/preload"
