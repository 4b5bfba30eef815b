"""Turns how a program ended into a verdict and a sentence for its author. Pure."""

import signal

from executor.sandbox.base import StepLimits, StepResult
from executor.settings import MIB
from shared.engine_api.codex import Verdict

_STOPPED = {
    "cpu": Verdict.TIME_LIMIT,
    "wall": Verdict.TIME_LIMIT,
    "memory": Verdict.MEMORY_LIMIT,
    "output": Verdict.OUTPUT_LIMIT,
}


def of_run(result: StepResult, out_of_memory: bytes | None) -> Verdict:
    """Return the verdict. `out_of_memory` is what the runtime writes to standard error when it has no memory left."""
    if result.stopped is not None:
        return _STOPPED.get(result.stopped, Verdict.INTERNAL_ERROR)
    if result.exit_code == 0:
        return Verdict.OK
    if result.signal == signal.SIGXCPU:
        return Verdict.TIME_LIMIT
    if out_of_memory and out_of_memory in result.stderr:
        return Verdict.MEMORY_LIMIT
    return Verdict.RUNTIME_ERROR


def explain(result: StepResult, limits: StepLimits, output_bytes: int) -> str:
    """Return one sentence on why the program failed, or "" if it succeeded."""
    match result.stopped:
        case "cpu":
            return f"Time limit exceeded: stopped after {limits.cpu_s:g} s of CPU time."
        case "wall":
            return f"Time limit exceeded: stopped after {limits.wall_s:g} s."
        case "memory":
            return f"Memory limit exceeded: {_explain_memory(result.memory_bytes, limits.memory_bytes)}"
        case "output":
            return f"Output limit exceeded: stopped after {output_bytes} bytes."
        case None:
            return _explain_exit(result)
        case other:
            return f"Stopped: {other}."


def _explain_memory(used: int, limit: int) -> str:
    # Where memory is sampled, a program is over its limit by the time that it is stopped.
    if used > limit:
        return f"stopped with {used / MIB:.1f} MiB in use, which is over its limit of {limit // MIB} MiB."
    return f"stopped at its limit of {limit // MIB} MiB."


def _explain_exit(result: StepResult) -> str:
    if result.signal is not None:
        description = signal.strsignal(result.signal) or "unknown signal"
        return f"Killed by signal {result.signal} ({description})."
    return f"Exited with code {result.exit_code}." if result.exit_code else ""
