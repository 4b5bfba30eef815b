"""Writes the answer to `execute` from a run, stage by stage: its compiler, and its program. Pure."""

import signal as signals
from typing import Any, Final

from pydantic import BaseModel

from api_service.doors.piston.runtimes import Runtime
from api_service.transient.runs import EndedRun
from shared.engine.run_call import Compiled, Stop, TestEnded, in_order

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


#: How a run ended: its compiler, None without one, and its program, None if it did not start.
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


def stages_of(run: EndedRun) -> Stages:
    """Return the stages of a run. A NUL in an output of the program is kept."""
    compiled = _compiled(run.compiled) if run.compiled else None
    return compiled, _ran(run.tests[0]) if run.tests else None


def _compiled(event: Compiled) -> Stage:
    return Stage.model_validate({**event.model_dump(), "stdout": event.output, "stderr": event.stderr or ""})


def _ran(event: TestEnded) -> Stage:
    fields = event.model_dump(include=Stage.model_fields.keys() - {"stdout", "stderr", "cut"})
    texts = {"stdout": event.written_to_stdout, "stderr": event.written_to_stderr}
    decoded = {name: text.decode(errors="replace") for name, text in texts.items()}
    return Stage.model_validate({**fields, **decoded, "cut": event.truncated})
