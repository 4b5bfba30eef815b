"""Reads how a submission ended, stage by stage: its compiler, and its program.

The stages are known if the submission's `spec` has `output_order`. The front doors set it.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from shared.database.connection import Connection, Record
from shared.engine.run_call import Stop, in_order
from shared.operations.job_state import JobState
from shared.resources.raw_output import raw_output
from shared.resources.statements import LATEST_JOB, owned
from shared.storage.base import ObjectStore

_FIND: Final = f"""
    SELECT j.status, j.failure, r.output, r.output_key, r.stderr, r.stderr_bytes, r.cut, r.exit_code, r.signal,
        r.time_s, r.wall_s, r.memory_bytes,
        r.engine -> 'stages' AS stages
    FROM uploads u {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
    WHERE u.id = :id AND {owned("u")}
"""  # noqa: S608  (constants)


@dataclass(frozen=True, slots=True)
class Stage:
    """How the compiler or the program ended. `stopped` is the limit that ended it; `cut` names the cut streams."""

    stdout: str
    stderr: str
    order: tuple[int, ...]
    exit_code: int | None
    signal: int | None
    stopped: Stop | None
    cut: tuple[str, ...]
    cpu_s: float
    wall_s: float
    memory_bytes: int

    @property
    def output(self) -> str:
        """Both outputs in the order in which they came."""
        return in_order(self.stdout, self.stderr, self.order)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a submission ended. `compile` is None without a compiler, and `run` is None if the program did not start.

    `failure` is the reason why it could not be run; None if it could.
    """

    compile: Stage | None = None
    run: Stage | None = None
    failure: str | None = None


async def ending(connection: Connection, store: ObjectStore, upload: int, *, owner: int | None) -> Ending | None:
    """Return how a submission ended; None if it has not, if there is none, or if it was cancelled.

    With `owner`, only a submission of that key is found. A NUL in an output of the program is kept.
    """
    row = await connection.fetch_one(_FIND, {"id": upload, "owner": owner})
    if row is None or row["status"] not in (JobState.EXECUTED, JobState.FAILED):
        return None
    if row["status"] == JobState.FAILED or row["stages"] is None:
        return Ending(failure=row["failure"] or "the engine of this service does not report the stages of a run")
    stages = json.loads(row["stages"])
    compiled, ran = stages["compile"], stages["run"]
    return Ending(compiled and _compiled(compiled), ran and await _ran(store, row, ran))


def _compiled(stage: dict[str, Any]) -> Stage:
    return Stage(
        stdout=stage["output"],
        stderr=stage["stderr"] or "",
        order=tuple(stage["order"] or ()),
        exit_code=stage["exit_code"],
        signal=stage["signal"],
        stopped=stage["stopped"] and Stop(stage["stopped"]),
        cut=tuple(stage["cut"]),
        cpu_s=stage["cpu_s"],
        wall_s=stage["wall_s"],
        memory_bytes=stage["memory_bytes"],
    )


async def _ran(store: ObjectStore, row: Record, stage: dict[str, Any]) -> Stage:
    stderr: bytes = row["stderr_bytes"] or (row["stderr"] or "").encode()
    return Stage(
        stdout=(await raw_output(store, row["output"] or "", row["output_key"])).decode(errors="replace"),
        stderr=stderr.decode(errors="replace"),
        order=tuple(stage["order"] or ()),
        exit_code=row["exit_code"],
        signal=row["signal"],
        stopped=stage["stopped"] and Stop(stage["stopped"]),
        cut=tuple(row["cut"] or ()),
        cpu_s=row["time_s"] or 0.0,
        wall_s=row["wall_s"] or 0.0,
        memory_bytes=row["memory_bytes"] or 0,
    )
