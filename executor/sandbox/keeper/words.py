"""The words that the keeper exchanges with the zygotes and process 1 of a box, which are written in C.

The keeper sends words, each ended by a NUL. Process 1 answers in plain text, as does a zygote that ends by an error.

keeper -> zygote      first its configuration (`Zygotes`), then `box_words` for each box (init/zygote.c)
zygote -> keeper      the box's id, the id of process 1 and a reason, as words; the pidfd is attached
keeper -> process 1   `run_words` and `step_words`, which come from the executor in a `Begin` (init/pid1.c)
                      process 1 of a judge also gets `ASK_UNREAD` (init/relay.c)
process 1 -> keeper   "ready", "step" with a `StepEnd`, "unread" with an `Unread`, or "failure" with a reason
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from executor.sandbox.keeper.protocol import CPU_MARGIN_S, MakeBox, Shortcut, StepLimits

#: The words that functions of init/ read one after the other, by the names that they have there. A step's commands and
#: environment are not among them.
READ_BY: Final[dict[str, tuple[str, ...]]] = {
    "read_box": ("id", "user", "disk_bytes", "is_forked"),
    "read_files": ("count", "contents"),
    "read_file": ("name", "size", "mode"),
    "run": ("out", "max_files", "max_bytes", "folder", "forwards", "ends", "relays"),
    "read_step": (
        "cpu_s", "processes", "open_files", "file_bytes", "stack_bytes", "address_space", "stdin_index", "stdout_index",
        "stderr_index", "has_shortcut",
    ),
}  # fmt: skip

#: Asks process 1 of a judge's box for an `Unread`.
ASK_UNREAD: Final = b"?"


@dataclass(frozen=True)
class StepEnd:
    """How a step ended, as process 1 measured it (`run` in init/pid1.c). `signal` is the one that killed it, and
    `resident_bytes` the largest resident size of one of its processes. The end is `ended_at` on the clock of
    `time.monotonic`."""

    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    resident_bytes: int
    ended_at: float

    @classmethod
    def parse(cls, text: str) -> "StepEnd":
        """Parse five numbers: exit code (or a negated signal number), CPU seconds, wall seconds, bytes, and the time of
        the end."""
        status, cpu_s, wall_s, resident_bytes, ended_at = text.split()
        code = int(status)
        exit_code, signal = (code, None) if code >= 0 else (None, -code)
        return cls(exit_code, signal, float(cpu_s), float(wall_s), int(resident_bytes), float(ended_at))


@dataclass(frozen=True)
class Unread:
    """Bytes of a program that its judge has not read, and bytes that it has read (`answer` in init/relay.c).

    If `is_full`, the judge may be unable to write, because the program does not read.
    """

    unread: int
    read: int
    is_full: bool

    @classmethod
    def parse(cls, text: str) -> "Unread":
        unread, read, is_full = map(int, text.split())
        return cls(unread, read, is_full > 0)


def to_words(*values: str | int) -> bytes:
    """Return the values as words. Raises ValueError if one contains a NUL."""
    text = "\0".join(map(str, values))
    if text.count("\0") != len(values) - 1:
        raise ValueError("a word holds a NUL")
    return os.fsencode(text) + b"\0"


def box_words(order: MakeBox) -> bytes:
    """Return the words for a zygote. The socket of process 1 and the descriptors by which it joins are attached."""
    template = order.template
    return _words_for(
        "read_box", id=order.id, user=order.user, disk_bytes=template.disk_bytes, is_forked=template.zygote is not None
    )


def run_words(files: Sequence[tuple[str, int, int]], contents: int, paths: Sequence[str], **values: str | int) -> bytes:
    """Return the words for `run` in init/pid1.c, which `step_words` follow. The `values` are those of `READ_BY["run"]`.

    `files` are those of the work folder, and of folders beside it, whose names begin with `..`: name, size, mode.
    `contents` is the index of the descriptor of one file with the contents of all, or -1.

    `out` is the index of a socket, or -1. If it is given, `folder` is made, and its files are sent there when the step
    has ended, however it ended: the words name, mode and size of each, and the numbers of those left out (`send_files`
    in init/collect.c). If there are `paths`, those files are sent in place of them. Up to `max_files` are sent, which
    have up to `max_bytes` together.

    With `forwards`, process 1 forwards signals that the keeper sends it to the program of the step.

    `ends` is the index of the first of the descriptors by which the step talks with a program in another box, or -1
    (`Pipes`). With `relays`, process 1 passes the bytes between both.
    """
    packet = _words_for("read_files", count=len(files), contents=contents)
    packet += b"".join(_words_for("read_file", name=name, size=size, mode=mode) for name, size, mode in files)
    return packet + to_words(len(paths), *paths) + _words_for("run", **values)


def step_words(
    argv: Sequence[str],
    environment: Mapping[str, str],
    limits: StepLimits,
    streams: tuple[int, int, int],
    shortcut: Shortcut | None,
) -> bytes:
    """Return the words for `read_step` in init/step.c. The `streams` are indexes of the packet's descriptors for
    standard input, output and error; -1 is /dev/null."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    packet = to_words(len(argv), *argv, len(variables), *variables)
    packet += _words_for(
        "read_step",
        # The keeper's meter enforces the limit of CPU time. The kernel's limit is higher, in case the keeper is late.
        cpu_s=int(limits.cpu_s) + CPU_MARGIN_S,
        processes=limits.processes,
        open_files=limits.open_files,
        file_bytes=limits.file_bytes,
        stack_bytes=limits.stack_bytes,
        address_space=limits.address_space,
        stdin_index=streams[0],
        stdout_index=streams[1],
        stderr_index=streams[2],
        has_shortcut=shortcut is not None,
    )
    for words in (*shortcut.commands, shortcut.leaves) if shortcut else ():
        packet += to_words(len(words), *words)
    return packet


def _words_for(function: str, **values: str | int) -> bytes:
    """Return the values as words, in the order in which a function reads them. True and False become 1 and 0."""
    ordered = [values[name] for name in READ_BY[function]]
    return to_words(*(int(value) if isinstance(value, bool) else value for value in ordered))
