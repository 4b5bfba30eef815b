"""Writes the answer to `execute` from the end of a submission, stage by stage: its compiler, and its program."""

import json
import signal as signals
from dataclasses import dataclass, replace
from typing import Any, Final

from api_service.doors.piston.runtimes import Runtime
from shared.database.connection import Connection, Record
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
class RunEnd:
    """How a submission ended. `compile` is None without a compiler, and `run` is None if the program did not start.

    `failure` is the reason why it could not be run; None if it could.
    """

    compile: Stage | None = None
    run: Stage | None = None
    failure: str | None = None


def answer_of(runtime: Runtime, ending: RunEnd) -> dict[str, Any]:
    """Return the answer. `run` repeats a `compile` that failed, because old clients read only `run`."""
    compiled, ran = ending.compile, ending.run
    if ran is None:
        assert compiled
        # Without a compile step, Piston reports the compiler's failure as that of the program.
        ran = compiled if runtime.piston.compiles else replace(compiled, stdout="", stderr=compiled.output, order=())
    answer = {"language": runtime.language, "version": runtime.version, "run": _stage(ran)}
    return answer | ({"compile": _stage(compiled)} if compiled and runtime.piston.compiles else {})


def signal_of(stage: Stage) -> int | None:
    """Return the signal that ended a stage; None if it exited by itself."""
    return signals.SIGKILL.value if stage.stopped else stage.signal


def name_of(signal: int | None) -> str | None:
    """Return a signal's name, such as SIGSEGV."""
    return None if signal is None else _NAMES.get(signal, f"SIG{signal}")


def _stage(stage: Stage) -> dict[str, Any]:
    signal = signal_of(stage)
    status, message = _how(stage, signal)
    return {
        "signal": name_of(signal),
        "stdout": stage.stdout,
        "stderr": stage.stderr,
        "output": stage.output,
        "code": None if signal is not None else stage.exit_code,
        "memory": stage.memory_bytes,
        "message": message,
        "status": status,
        "cpu_time": round(stage.cpu_s * 1000),
        "wall_time": round(stage.wall_s * 1000),
    }


def _how(stage: Stage, signal: int | None) -> tuple[str | None, str | None]:
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
    return ("RE", f"Exited with error status {stage.exit_code}") if stage.exit_code else (None, None)


async def run_end(connection: Connection, store: ObjectStore, upload: int, *, owner: int | None) -> RunEnd | None:
    """Return how a submission ended; None if it has not, if there is none, or if it was cancelled.

    With `owner`, only a submission of that key is found. A NUL in an output of the program is kept.
    """
    row = await connection.fetch_one(_FIND, {"id": upload, "owner": owner})
    if row is None or row["status"] not in (JobState.EXECUTED, JobState.FAILED):
        return None
    if row["status"] == JobState.FAILED or row["stages"] is None:
        return RunEnd(failure=row["failure"] or "the engine of this service does not report the stages of a run")
    stages = json.loads(row["stages"])
    compiled, ran = stages["compile"], stages["run"]
    return RunEnd(compiled and _compiled(compiled), ran and await _ran(store, row, ran))


def _compiled(stage: dict[str, Any]) -> Stage:
    own = {name: stage[name] for name in ("exit_code", "signal", "cpu_s", "wall_s", "memory_bytes")}
    return _stage_of(stage, stdout=stage["output"], stderr=stage["stderr"] or "", cut=tuple(stage["cut"]), **own)


async def _ran(store: ObjectStore, row: Record, stage: dict[str, Any]) -> Stage:
    stderr: bytes = row["stderr_bytes"] or (row["stderr"] or "").encode()
    return _stage_of(
        stage,
        stdout=(await raw_output(store, row["output"] or "", row["output_key"])).decode(errors="replace"),
        stderr=stderr.decode(errors="replace"),
        exit_code=row["exit_code"],
        signal=row["signal"],
        cut=tuple(row["cut"] or ()),
        cpu_s=row["time_s"] or 0.0,
        wall_s=row["wall_s"] or 0.0,
        memory_bytes=row["memory_bytes"] or 0,
    )


def _stage_of(stage: dict[str, Any], **own: Any) -> Stage:
    return Stage(order=tuple(stage["order"] or ()), stopped=stage["stopped"] and Stop(stage["stopped"]), **own)
