"""What the executor and its keeper say to each other: one JSON object per packet, descriptors beside it.

    executor -> keeper   a `Task`, with its descriptors; or {"kill": task id}
    keeper -> executor   {"ready": true} once; then per task, in order, one `StageReport` per stage that was started,
                         and a `TaskDone`

Everything in a box is dead and every file in it is gone before its `TaskDone` is sent.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

#: Largest packet: argument lists are short, and source text travels as a descriptor.
MAX_PACKET = 65536
MAX_DESCRIPTORS = 64
#: Files of one step that can be collected; each is a descriptor.
MAX_ARTEFACTS = 32


@dataclass(frozen=True)
class StageLimits:
    """Seconds and bytes. `wall_s` does not count the time in which the program waited for a processor."""

    cpu_s: float
    wall_s: float
    memory_bytes: int
    processes: int
    open_files: int
    file_bytes: int
    stack_bytes: int


@dataclass(frozen=True)
class Stage:
    """One program to start and wait for. The next stage follows only if this one exits with 0.

    `stdin`, `stdout` and `stderr` index the descriptors that came with the task; -1 is /dev/null.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    stdin: int
    stdout: int
    stderr: int
    limits: StageLimits


@dataclass(frozen=True)
class Artefacts:
    """Files that a stage made: name, mode and size of each. The contents are the descriptors beside it, sealed."""

    files: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Task:
    """One box: the files in its work folder (name, index of the descriptor to copy from, mode), and what runs there.

    Where `collect` is the index of a socket and not -1, the files that the first stage made are sent there when it has
    succeeded and before the next one starts: a packet of `Artefacts`. Together they may have up to `collect_bytes`.
    """

    id: int
    slot: int
    files: tuple[tuple[str, int, int], ...]
    stages: tuple[Stage, ...]
    disk_bytes: int
    collect: int = -1
    collect_bytes: int = 0


@dataclass(frozen=True)
class StageReport:
    """How a stage ended. `stopped` names the limit for which the keeper killed it: cpu, wall or memory; or `killed`."""

    id: int
    stage: int
    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    memory_bytes: int
    stopped: str | None


@dataclass(frozen=True)
class TaskDone:
    """The box is gone. `failure` is set when the box, not the program, failed."""

    id: int
    failure: str | None = None


def encode(message: Task | Artefacts | StageReport | TaskDone) -> bytes:
    """One packet: the fields, and the class's name as `type`."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}).encode()


def decode_task(fields_: dict[str, Any]) -> Task:
    stages = tuple(
        Stage(**{**stage, "argv": tuple(stage["argv"]), "limits": StageLimits(**stage["limits"])})
        for stage in fields_["stages"]
    )
    files = tuple((name, index, mode) for name, index, mode in fields_["files"])
    return Task(
        fields_["id"],
        fields_["slot"],
        files,
        stages,
        fields_["disk_bytes"],
        fields_["collect"],
        fields_["collect_bytes"],
    )


def decode_report(packet: bytes) -> StageReport | TaskDone | None:
    """A packet from the keeper; None for its `ready`."""
    content = json.loads(packet)
    kinds: dict[str, type[StageReport] | type[TaskDone]] = {"StageReport": StageReport, "TaskDone": TaskDone}
    kind = kinds.get(content.get("type", ""))
    if kind is None:
        return None
    return kind(**{field.name: content[field.name] for field in fields(kind)})
