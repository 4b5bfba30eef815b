"""Writes the answer to `execute`, from the stages of a submission. Pure."""

import signal as signals
from dataclasses import replace
from typing import Any, Final

from api_service.doors.piston.runtimes import Runtime
from shared.engine.run_call import Stop
from shared.resources.stages import Ending, Stage

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


def answer_of(runtime: Runtime, ending: Ending) -> dict[str, Any]:
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
