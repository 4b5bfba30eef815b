"""What the executor and its keeper say to each other: one JSON object per packet, descriptors beside it. The zygote
and process 1 of a box, which are written in C, are spoken to in words, each ended by a NUL; those for process 1 come
with `Begin`, after a NUL.

    executor -> keeper   `MakeBox` makes a box, `Begin` runs steps in it, once; {"kill": box id} ends it at any time;
                         `ASK` whether the keeper is there
    keeper -> executor   `READY` at the start, and whenever it is asked; per box, in order: `BoxReady` when it can begin
                         without delay, one `StepReport` per step that was started, and a `BoxGone`

`Begin` may be sent at once; a box that is prepared ahead of need has begun nothing, and costs only its memory.
Every process of a box is dead before its last `StepReport` is sent, and every file in it is gone before `BoxGone`.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Largest packet: argument lists are short, and source text travels as a descriptor.
MAX_PACKET = 65536
MAX_DESCRIPTORS = 64
#: Files of one step that can be collected; each is a descriptor.
MAX_ARTEFACTS = 32

ASK, READY = b'{"ask": true}', b'{"ready": true}'

#: Of a program's stack. Where its memory may lie is settled when it, or the Python that it is forked from, is started.
RUN_STACK_BYTES = 256 << 20
#: The folder that a program finds itself in.
WORK = "/box/work"


@dataclass(frozen=True)
class StepLimits:
    """Seconds and bytes. `wall_s` does not count the time in which the program waited for a processor; one in the
    `background` gets a tenth of what others get."""

    cpu_s: float
    wall_s: float
    memory_bytes: int
    processes: int
    open_files: int
    file_bytes: int
    stack_bytes: int
    background: bool = False


@dataclass(frozen=True)
class Shortcut:
    """Commands that do together what another would (init/driver.c): that one is run only where they have no answer.
    `leaves` are files to remove after them."""

    commands: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    leaves: tuple[str, ...]


@dataclass(frozen=True)
class StepOrder:
    """One program to start and wait for. The next step follows only if this one exits with 0.

    `stdin`, `stdout` and `stderr` index the descriptors that came with it; -1 is /dev/null.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    limits: StepLimits
    stdin: int = -1
    stdout: int = -1
    stderr: int = -1
    shortcut: Shortcut | None = None

    def words(self) -> bytes:
        """For `read_step` in init/program.c."""
        limits = self.limits
        # The meter decides about CPU time; this one holds should the keeper be late.
        cpu = int(limits.cpu_s) + 2
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        most = (cpu, limits.processes, limits.open_files, limits.file_bytes, limits.stack_bytes)
        packet = to_words(len(self.argv), *self.argv, len(environment), *environment)
        packet += to_words(*most, self.stdin, self.stdout, self.stderr, int(self.shortcut is not None))
        for words in (*self.shortcut.commands, self.shortcut.leaves) if self.shortcut else ():
            packet += to_words(len(words), *words)
        return packet


@dataclass(frozen=True)
class Zygote:
    """A runtime that programs are forked from: started by `argv` as one of them would be, it loads /box/init.so and
    takes orders (init/zygote.c)."""

    argv: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class MakeBox:
    """A box for the user numbered `user`, whose files together take up to `disk_bytes`, and its first process.

    That process waits until it begins: without a program, to become any; forked from the `zygote`, to run its program
    without starting anew; or as the `stub`, a program that is started at once, reads one line of JSON from descriptor 3
    when it begins, and goes on as its first step.
    """

    id: int
    user: int
    disk_bytes: int
    limits: StepLimits
    zygote: Zygote | None = None
    stub: StepOrder | None = None

    def words(self, joins: int) -> bytes:
        """For `next_order` in init/zygote.c: beside it go process 1's socket, `joins` descriptors, and the stub's."""
        kind = "forked" if self.zygote else "stub" if self.stub else "plain"
        head = to_words(self.id, self.user, self.disk_bytes, kind, joins)
        return head + self.stub.words() if self.stub else head


@dataclass(frozen=True)
class Begin:
    """What runs in the box: `words` are for process 1, and are none of the keeper's, who holds each step to its
    `limits`."""

    id: int
    limits: tuple[StepLimits, ...]
    words: bytes


def run_words(
    files: Sequence[tuple[str, int, int]],
    steps: Sequence[StepOrder],
    *,
    stub: bool,
    collect: int = -1,
    most_bytes: int = 0,
) -> bytes:
    """For `run` in init/pid1.c: the files of the work folder (name, index of the descriptor to copy from, mode), and
    what runs there. What a stub is told is a line of JSON; each step's words are counted.

    Of a box with a stub, the first step's `argv` are the stub's words, and its streams are those of the stub.

    Where `collect` is the index of a socket and not -1, the files that the first step made are sent there when it has
    succeeded and before the next one starts: a packet of the words name, mode and size of each, and beside it the
    contents, sealed. Together they may have up to `most_bytes`.
    """
    packet = to_words(len(files), *(field for file in files for field in file))
    packet += to_words(collect, most_bytes, len(steps))
    for step in steps:
        words = step.words()
        line = json.dumps({"argv": step.argv}) + "\n" if stub else ""
        packet += to_words(line, len(words)) + words
    return packet


@dataclass(frozen=True)
class BoxReady:
    """The box is made, and its first process waits."""

    id: int


@dataclass(frozen=True)
class StepReport:
    """How a step ended. `stopped` names the limit for which the keeper killed it: cpu, wall or memory; or `killed`.
    After the `last` one, nothing lives in the box."""

    id: int
    step: int
    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    memory_bytes: int
    stopped: str | None
    last: bool


@dataclass(frozen=True)
class BoxGone:
    """Nothing of the box is left. `failure` is set when the box, not the program, failed."""

    id: int
    failure: str | None = None


Report = BoxReady | StepReport | BoxGone
Message = MakeBox | Begin | Report

_TO_JSON = json.JSONEncoder(default=vars)
_REPORTS: dict[str, type[Report]] = {kind.__name__: kind for kind in (BoxReady, StepReport, BoxGone)}


def encode(message: Message) -> bytes:
    """One packet: the fields, and the class's name as `type`; of `Begin` a NUL and the words after that."""
    if isinstance(message, Begin):
        return to_json({"begin": message.id, "limits": message.limits}) + b"\0" + message.words
    return to_json({"type": type(message).__name__, **vars(message)})


def to_json(content: object) -> bytes:
    """Of values of the above, and of plain ones; `dataclasses.asdict` would copy them first, which takes longer."""
    return _TO_JSON.encode(content).encode()


def to_words(*values: str | int) -> bytes:
    """ValueError where one holds what ends it."""
    text = "\0".join(map(str, values))
    if text.count("\0") != len(values) - 1:
        raise ValueError("a word holds a NUL")
    return os.fsencode(text) + b"\0"


def decode_order(packet: bytes) -> MakeBox | Begin | int | None:
    """A number is a box to kill; None asks whether the keeper is there."""
    if packet == ASK:
        return None
    text, _, words = packet.partition(b"\0")
    content = json.loads(text)
    if "begin" in content:
        return Begin(content["begin"], tuple(StepLimits(**limits) for limits in content["limits"]), words)
    if "kill" in content:
        return int(content["kill"])
    stub, zygote = content["stub"] and _decode_step(content["stub"]), content["zygote"]
    zygote = zygote and Zygote(tuple(zygote["argv"]), zygote["environment"])
    limits = StepLimits(**content["limits"])
    return MakeBox(content["id"], content["user"], content["disk_bytes"], limits, zygote, stub)


def _decode_step(content: dict[str, Any]) -> StepOrder:
    limits = StepLimits(**content["limits"])
    return StepOrder(**{**content, "argv": tuple(content["argv"]), "limits": limits})


def decode_report(packet: bytes) -> Report | None:
    """A packet from the keeper; None for `READY`."""
    content = json.loads(packet)
    kind = _REPORTS.get(content.pop("type", ""))
    return kind(**content) if kind else None
