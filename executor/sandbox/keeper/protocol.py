"""Messages between the executor and the keeper: one JSON object per packet, with descriptors attached.

    executor -> keeper   `MakeBox` makes a box. `Begin` runs a step in it, once. `Kill` ends it at any time.
                         `Signal` sends one to the program that runs. `GiveWay` lowers the weight of a step.
                         `Lap` begins a part of a step, with limits of its own. A `LapReport` answers.
                         `ASK` requests a sign of life.
                         Two boxes whose `Begin` name the same judge begin together.
    keeper -> executor   `READY` at the start and in answer to `ASK`. Per box, in this order: a `BoxReady`, a
                         `StepReport` if the step was started, and a `BoxGone`. Before its `StepReport`, there is a
                         `SliceUsed` of a step that takes long.

`Begin` may follow `MakeBox` at once. A box that waits for it runs no program, and costs only its memory.
Every process of a box is dead before its `StepReport` is sent, and every file in it is gone before `BoxGone`.
The zygotes and process 1 of a box exchange words with the keeper instead (`words.py`).
"""

import json
from dataclasses import dataclass

#: Bytes of the largest packet. It holds the names of a program's files, twice if a compiler gets them, and the
#: arguments of both. The texts travel as a descriptor. The kernel allows at most 208 KiB (socket(7), wmem_max).
MAX_PACKET = 204800
#: Seconds of CPU time that the kernel's limit of a step is above its own.
CPU_MARGIN_S = 2
#: The least buffer for such a packet. The kernel keeps 32 bytes of a buffer for itself.
SEND_BUFFER = MAX_PACKET + 32
MAX_DESCRIPTORS = 64
#: Seconds of CPU time after which a step takes long.
SLICE_S = 0.5
#: Files of a work folder, and files that a compiler may leave in it.
MAX_FILES, MAX_COMPILED_FILES = 4096, 3072

ASK, READY = b'{"ask": true}', b'{"ready": true}'

#: The stack of a program. The kernel lays out memory for it when the program, or the runtime it is forked from, starts.
RUN_STACK_BYTES = 256 << 20


@dataclass(frozen=True)
class StepLimits:
    """Limits of a step, in seconds and bytes. `wall_s` does not count the time in which the program waited for a
    processor. The `address_space` is that of each process; 0: no limit. A step in the `background` gets a tenth of the
    processor time that others get, and may wait for a processor without end."""

    cpu_s: float
    wall_s: float
    memory_bytes: int
    processes: int
    open_files: int
    file_bytes: int
    stack_bytes: int
    address_space: int = 0
    background: bool = False


@dataclass(frozen=True)
class Shortcut:
    """Commands that together replace the step's program (init/driver.c), which runs only if they give no answer.
    `leaves` are files to remove after them."""

    commands: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    leaves: tuple[str, ...]


@dataclass(frozen=True)
class Zygote:
    """A runtime from which programs are forked. It is started by `argv` as a program would be, loads /box/init.so, and
    takes orders (init/zygote.c)."""

    argv: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class Template:
    """A box before its job is known. All files in it together may take `disk_bytes`. `limits` are those that the step
    probably has.

    Without a `zygote`, its first process waits to become any program. With one, it is a fork of it and runs the
    step.
    """

    disk_bytes: int
    limits: StepLimits
    zygote: Zygote | None = None


@dataclass(frozen=True)
class MakeBox:
    """Executor to keeper: make a box for the user numbered `user`, and start its first process."""

    id: int
    user: int
    template: Template


@dataclass(frozen=True)
class Begin:
    """Executor to keeper: run a step in a box. The keeper enforces `limits`, and passes `words` on to process 1
    (`run_words`, `step_words`).

    With a `judge`, the step talks with that of another box. One of them is the box `judge`. Both begin when both are
    ready.
    """

    id: int
    limits: StepLimits
    words: bytes
    judge: int | None = None


@dataclass(frozen=True)
class Kill:
    """Executor to keeper: end a box, at any time."""

    id: int


@dataclass(frozen=True)
class Signal:
    """Executor to keeper: send a signal to the program that runs in a box. Its `Begin` must have said `forwards`."""

    id: int
    number: int


@dataclass(frozen=True)
class GiveWay:
    """Executor to keeper: from now on, the step is in the background, with that of its judge (`StepLimits`)."""

    id: int


@dataclass(frozen=True)
class Lap:
    """Executor to keeper: from now on these limits of time count for the step of a box, and what it has used before
    does not."""

    id: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class LapReport:
    """Keeper to executor: what the step has used up to its `Lap`, in all."""

    id: int
    cpu_s: float


@dataclass(frozen=True)
class BoxReady:
    """Keeper to executor: the box is made, and its first process waits."""

    id: int


@dataclass(frozen=True)
class SliceUsed:
    """Keeper to executor: the step and its judge have used more than `SLICE_S` together."""

    id: int


@dataclass(frozen=True)
class StepReport:
    """Keeper to executor: the step ended. `stopped` is the limit that ended it by the keeper: cpu, wall or memory, or
    `killed`. A judge that still runs at its program's wall limit is killed too: for `hang` if it could have gone on,
    else for `deadlock`. It `waited_s` for a processor, as far as the keeper has seen. `ended_at` is on the clock that
    all boxes share."""

    id: int
    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    waited_s: float
    memory_bytes: int
    stopped: str | None
    ended_at: float


@dataclass(frozen=True)
class BoxGone:
    """Keeper to executor: nothing of the box is left. `failure` is the reason if the box failed, not the program."""

    id: int
    failure: str | None = None


Order = Begin | Kill | Signal | GiveWay | Lap
Report = BoxReady | LapReport | SliceUsed | StepReport | BoxGone

_TO_JSON = json.JSONEncoder(default=vars)  # unlike `asdict`, it makes no deep copy
_ORDERS = {kind.__name__: kind for kind in (Kill, Signal, GiveWay, Lap)}
_REPORTS = {kind.__name__: kind for kind in (BoxReady, LapReport, SliceUsed, StepReport, BoxGone)}


def encode(message: MakeBox | Order | Report) -> bytes:
    """Return a packet: the fields, and the class's name as `type`. In a `Begin`, a NUL and the words follow."""
    content = {"type": type(message).__name__, **vars(message)}
    words = b"\0" + content.pop("words") if isinstance(message, Begin) else b""
    return _TO_JSON.encode(content).encode() + words


def decode_order(packet: bytes) -> MakeBox | Order | None:
    """Return a message from the executor; None is `ASK`."""
    text, _, words = packet.partition(b"\0")
    content = json.loads(text)
    kind = content.pop("type", None)
    if kind == Begin.__name__:
        return Begin(content["id"], StepLimits(**content["limits"]), words, content["judge"])
    if kind != MakeBox.__name__:
        return _ORDERS[kind](**content) if kind else None
    template = content["template"]
    zygote = template["zygote"] and Zygote(tuple(template["zygote"]["argv"]), template["zygote"]["environment"])
    made = Template(template["disk_bytes"], StepLimits(**template["limits"]), zygote)
    return MakeBox(content["id"], content["user"], made)


def decode_report(packet: bytes) -> Report | None:
    """Return a message from the keeper; None is `READY`."""
    content = json.loads(packet)
    kind = _REPORTS.get(content.pop("type", ""))
    return kind(**content) if kind else None
