"""Writes the answer to `execute` from a run, stage by stage: its compiler, and its program. Pure."""

import signal as signals
from collections.abc import Iterable, Sequence
from typing import Any, Final

from api_service.doors.piston.runtimes import Runtime
from api_service.transient.ended import EndedRun
from shared.engine_api.run_call.events import Compiled, Stop, TestEnded

#: The first and the last real-time signal of Linux. The others are named after the nearer of these two.
_SIGRTMIN, _MIDDLE, _SIGRTMAX = 34, 49, 64
SIGNALS: Final[dict[str, int]] = {
    **{signal.name: signal.value for signal in signals.Signals if signal.value < _SIGRTMIN},
    **{f"SIGRTMIN+{number - _SIGRTMIN}": number for number in range(_SIGRTMIN + 1, _MIDDLE + 1)},
    **{f"SIGRTMAX-{_SIGRTMAX - number}": number for number in range(_MIDDLE + 1, _SIGRTMAX)},
    "SIGRTMIN": _SIGRTMIN,
    "SIGRTMAX": _SIGRTMAX,
}
_NAMES: Final = {number: name for name, number in SIGNALS.items()}


def answer_of(runtime: Runtime, run: EndedRun) -> dict[str, Any]:
    """Return the answer. `run` repeats a `compile` that failed, because old clients read only `run`.

    A NUL in an output of the program is kept.
    """
    compiler, compiled = run.compiled, None
    if compiler:
        compiled = _stage(compiler, compiler.output, compiler.stderr or "", compiler.cut)
    if ended := run.ended:
        written = (ended.written_to_stdout, ended.written_to_stderr)
        stdout, stderr = (text.decode(errors="replace") for text in written)
        ran = _stage(ended, stdout, stderr, ended.truncated)
    else:
        assert compiled
        # Without a compile step, Piston reports the compiler's failure as that of the program.
        ran = compiled if runtime.compiles else {**compiled, "stdout": "", "stderr": compiled["output"]}
    answer = {"language": runtime.name, "version": runtime.version, "run": ran}
    return answer | ({"compile": compiled} if compiled and runtime.compiles else {})


def end_of(stage: Any) -> tuple[int | None, int | None]:
    """Return the exit code and the signal of a stage or of its event. One of the two is None."""
    signal = signals.SIGKILL.value if stage.stopped else stage.signal
    return (stage.exit_code, None) if signal is None else (None, signal)


def name_of(signal: int | None) -> str | None:
    """Return a signal's name, such as SIGSEGV."""
    return None if signal is None else _NAMES.get(signal, f"SIG{signal}")


def _stage(ended: Compiled | TestEnded, stdout: str, stderr: str, cut: Sequence[str]) -> dict[str, Any]:
    """Return how the compiler or the program ended. `cut` names the streams that were cut."""
    code, signal = end_of(ended)
    status, message = _how(ended.stopped, cut, code, signal)
    return {
        "signal": name_of(signal),
        "stdout": stdout,
        "stderr": stderr,
        "output": in_order(stdout, stderr, ended.order or ()),
        "code": code,
        "memory": ended.memory_bytes,
        "message": message,
        "status": status,
        "cpu_time": round(ended.cpu_s * 1000),
        "wall_time": round(ended.wall_s * 1000),
    }


def _how(
    stopped: Stop | None, cut: Sequence[str], code: int | None, signal: int | None
) -> tuple[str | None, str | None]:
    match stopped:
        case Stop.CPU:
            return "TO", "Time limit exceeded"
        case Stop.WALL:
            return "TO", "Time limit exceeded (wall clock)"
        case Stop.OUTPUT:
            name, status = ("stdout", "OL") if "stdout" in cut else ("stderr", "EL")
            return status, f"{name} length exceeded"
    if signal is not None:
        return "SG", f"Caught fatal signal {signal}"
    return ("RE", f"Exited with error status {code}") if code else (None, None)


def in_order(stdout: str, stderr: str, order: Iterable[int]) -> str:
    """Return both outputs in the order in which they came. Output that `order` does not cover comes last."""
    texts, positions, pieces = (stdout, stderr), [0, 0], []
    for turn, length in enumerate(order):
        which = turn % 2
        pieces.append(texts[which][positions[which] : positions[which] + length])
        positions[which] += length
    return "".join((*pieces, stdout[positions[0] :], stderr[positions[1] :]))
