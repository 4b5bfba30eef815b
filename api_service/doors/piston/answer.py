"""Writes the answer to `execute` from the end of a submission, stage by stage: its compiler, and its program."""

import json
import signal as signals
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from api_service.doors.piston.runtimes import Runtime
from api_service.http.errors import ApiError, Kind
from shared.database.connection import Connection
from shared.engine.run_call import Stop, in_order
from shared.operations.job_state import JobState
from shared.resources.statements import LATEST_JOB, owned
from shared.resources.texts import raw_output
from shared.storage.base import ObjectStore

#: The first and the last real-time signal of Linux. The others are named after the nearer of these two.
_SIGRTMIN, _MIDDLE, _SIGRTMAX = 34, 49, 64
#: The signals by their names.
SIGNALS: Final[dict[str, int]] = {
    **{signal.name: signal.value for signal in signals.Signals if signal.value < _SIGRTMIN},
    **{f"SIGRTMIN+{number - _SIGRTMIN}": number for number in range(_SIGRTMIN + 1, _MIDDLE + 1)},
    **{f"SIGRTMAX-{_SIGRTMAX - number}": number for number in range(_MIDDLE + 1, _SIGRTMAX)},
    "SIGRTMIN": _SIGRTMIN,
    "SIGRTMAX": _SIGRTMAX,
}
_NAMES: Final = {number: name for name, number in SIGNALS.items()}

# The stages are known if the submission's `spec` has `output_order`.
_FIND: Final = f"""
    SELECT j.status, j.failure, r.output AS stdout, r.output_key, r.stderr, r.stderr_bytes, r.cut, r.exit_code,
        r.signal, r.time_s AS cpu_s, r.wall_s, r.memory_bytes, r.engine -> 'stages' AS stages
    FROM uploads u {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
    WHERE u.id = :id AND {owned("u")}
"""  # noqa: S608  (constants)
_NO_STAGES: Final = "the engine of this service does not report the stages of a run"


class Stage(BaseModel):
    """How the compiler or the program ended. `stopped` is the limit that ended it; `cut` names the cut streams."""

    stdout: str
    stderr: str
    order: list[int] | None
    exit_code: int | None
    signal: int | None
    stopped: Stop | None
    cut: list[str]
    cpu_s: float
    wall_s: float
    memory_bytes: int

    @property
    def output(self) -> str:
        """Both outputs in the order in which they came."""
        return in_order(self.stdout, self.stderr, self.order or ())


#: How a submission ended: its compiler, None without one, and its program, None if it did not start.
Stages = tuple[Stage | None, Stage | None]


def answer_of(runtime: Runtime, stages: Stages) -> dict[str, Any]:
    """Return the answer. `run` repeats a `compile` that failed, because old clients read only `run`."""
    compiled, ran = stages
    if ran is None:
        assert compiled
        # Without a compile step, Piston reports the compiler's failure as that of the program.
        own = {"stdout": "", "stderr": compiled.output, "order": None}
        ran = compiled if runtime.compiles else compiled.model_copy(update=own)
    answer = {"language": runtime.name, "version": runtime.version, "run": _stage(ran)}
    return answer | ({"compile": _stage(compiled)} if compiled and runtime.compiles else {})


def end_of(stage: Any) -> tuple[int | None, int | None]:
    """Return the exit code of a stage or of its event, and the signal that ended it. One of them is None."""
    signal = signals.SIGKILL.value if stage.stopped else stage.signal
    return (stage.exit_code, None) if signal is None else (None, signal)


def name_of(signal: int | None) -> str | None:
    """Return a signal's name, such as SIGSEGV."""
    return None if signal is None else _NAMES.get(signal, f"SIG{signal}")


def _stage(stage: Stage) -> dict[str, Any]:
    code, signal = end_of(stage)
    status, message = _how(stage, code, signal)
    return {
        "signal": name_of(signal),
        "stdout": stage.stdout,
        "stderr": stage.stderr,
        "output": stage.output,
        "code": code,
        "memory": stage.memory_bytes,
        "message": message,
        "status": status,
        "cpu_time": round(stage.cpu_s * 1000),
        "wall_time": round(stage.wall_s * 1000),
    }


def _how(stage: Stage, code: int | None, signal: int | None) -> tuple[str | None, str | None]:
    """Return the status of a stage and a message. Both are None if the stage ended well."""
    match stage.stopped:
        case Stop.CPU:
            return "TO", "Time limit exceeded"
        case Stop.WALL:
            return "TO", "Time limit exceeded (wall clock)"
        case Stop.OUTPUT:
            name, status = ("stdout", "OL") if "stdout" in stage.cut else ("stderr", "EL")
            return status, f"{name} length exceeded"
    if signal is not None:
        return "SG", f"Caught fatal signal {signal}"
    return ("RE", f"Exited with error status {code}") if code else (None, None)


async def stages_of(connection: Connection, store: ObjectStore, upload: int, *, owner: int | None) -> Stages | None:
    """Return the stages of a submission; None if it has not ended, if there is none, or if it was cancelled.

    With `owner`, only a submission of that key is found. Raises `ApiError` (503) if it could not be run. A NUL in an
    output of the program is kept.
    """
    row = await connection.fetch_one(_FIND, {"id": upload, "owner": owner})
    if row is None or row["status"] not in (JobState.EXECUTED, JobState.FAILED):
        return None
    if row["status"] == JobState.FAILED or row["stages"] is None:
        raise ApiError(Kind.UNAVAILABLE, f"The job could not be run: {row['failure'] or _NO_STAGES}")
    stages = json.loads(row["stages"])
    compiled, ran = stages["compile"], stages["run"]
    if ran is not None:
        stdout = await raw_output(store, row["stdout"] or "", row["output_key"])
        stderr: bytes = row["stderr_bytes"] or (row["stderr"] or "").encode()
        texts = {"stdout": stdout.decode(errors="replace"), "stderr": stderr.decode(errors="replace")}
        measures = {name: row[name] or 0 for name in ("cpu_s", "wall_s", "memory_bytes")}
        end = {"exit_code": row["exit_code"], "signal": row["signal"], "cut": row["cut"] or []}
        ran = Stage.model_validate({**ran, **texts, **measures, **end})
    return _compiled(compiled), ran


def _compiled(stage: Mapping[str, Any] | None) -> Stage | None:
    if stage is None:
        return None
    return Stage.model_validate({**stage, "stdout": stage["output"], "stderr": stage["stderr"] or ""})
