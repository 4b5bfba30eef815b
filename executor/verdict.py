"""From how a program ended to what its author is told. Pure."""

import signal

from executor.sandbox.base import StepLimits, StepResult
from shared.codex import Verdict

_STOPPED = {
    "cpu": Verdict.TIME_LIMIT,
    "wall": Verdict.TIME_LIMIT,
    "memory": Verdict.MEMORY_LIMIT,
    "output": Verdict.OUTPUT_LIMIT,
}
_MIB = 1 << 20


def of_run(ended: StepResult, out_of_memory: bytes | None) -> Verdict:
    """`out_of_memory` is what the language's runtime writes to standard error when it gives up for want of memory."""
    if ended.stopped is not None:
        return _STOPPED.get(ended.stopped, Verdict.INTERNAL_ERROR)
    if ended.exit_code == 0:
        return Verdict.OK
    if ended.signal == signal.SIGXCPU:
        return Verdict.TIME_LIMIT
    if out_of_memory and out_of_memory in ended.stderr:
        return Verdict.MEMORY_LIMIT
    return Verdict.RUNTIME_ERROR


def explain(ended: StepResult, limits: StepLimits, output_bytes: int) -> str:
    """One sentence on why it did not end well; empty when it did."""
    match ended.stopped:
        case "cpu":
            return f"Time limit exceeded: stopped after {limits.cpu_s:g} s of CPU time."
        case "wall":
            return f"Time limit exceeded: stopped after {limits.wall_s:g} s."
        case "memory":
            return f"Memory limit exceeded: {_explain_memory(ended.memory_bytes, limits.memory_bytes)}"
        case "output":
            return f"Output limit exceeded: stopped after {output_bytes} bytes."
        case None:
            return _explain_exit(ended)
        case other:
            return f"Stopped: {other}."


def _explain_memory(used: int, limit: int) -> str:
    # Where memory is sampled, a program is over its limit by the time that it is stopped.
    if used > limit:
        return f"stopped with {used / _MIB:.1f} MiB in use, which is over its limit of {limit // _MIB} MiB."
    return f"stopped at its limit of {limit // _MIB} MiB."


def _explain_exit(ended: StepResult) -> str:
    if ended.signal is not None:
        description = signal.strsignal(ended.signal) or "unknown signal"
        return f"Killed by signal {ended.signal} ({description})."
    return f"Exited with code {ended.exit_code}." if ended.exit_code else ""
