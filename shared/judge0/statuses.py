"""Judge0's statuses, and how the end of a run becomes one. Pure."""

import signal
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from shared.engine.codex import Verdict

#: The exit code of a shell for a file that it cannot execute (POSIX, "Exit Status for Commands").
_NOT_EXECUTABLE: Final = 126
_EXEC_FORMAT_ERROR: Final = b"Exec format error"


class Status(IntEnum):
    IN_QUEUE = 1
    PROCESSING = 2
    ACCEPTED = 3
    WRONG_ANSWER = 4
    TIME_LIMIT_EXCEEDED = 5
    COMPILATION_ERROR = 6
    SIGSEGV = 7
    SIGXFSZ = 8
    SIGFPE = 9
    SIGABRT = 10
    NZEC = 11
    OTHER = 12
    INTERNAL_ERROR = 13
    EXEC_FORMAT_ERROR = 14


#: The descriptions of the statuses. Clients compare them with their own.
DESCRIPTIONS: Final[dict[Status, str]] = {
    Status.IN_QUEUE: "In Queue",
    Status.PROCESSING: "Processing",
    Status.ACCEPTED: "Accepted",
    Status.WRONG_ANSWER: "Wrong Answer",
    Status.TIME_LIMIT_EXCEEDED: "Time Limit Exceeded",
    Status.COMPILATION_ERROR: "Compilation Error",
    Status.SIGSEGV: "Runtime Error (SIGSEGV)",
    Status.SIGXFSZ: "Runtime Error (SIGXFSZ)",
    Status.SIGFPE: "Runtime Error (SIGFPE)",
    Status.SIGABRT: "Runtime Error (SIGABRT)",
    Status.NZEC: "Runtime Error (NZEC)",
    Status.OTHER: "Runtime Error (Other)",
    Status.INTERNAL_ERROR: "Internal Error",
    Status.EXEC_FORMAT_ERROR: "Exec Format Error",
}
_OF_SIGNAL: Final[dict[int, Status]] = {
    signal.SIGSEGV: Status.SIGSEGV,
    signal.SIGXFSZ: Status.SIGXFSZ,
    signal.SIGFPE: Status.SIGFPE,
    signal.SIGABRT: Status.SIGABRT,
}


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """How a program ended, as the runner has stored it. `cpu_limit` is the sender's limit; 0: none."""

    verdict: Verdict
    exit_code: int | None
    signal: int | None
    cpu_s: float
    cpu_limit: float
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Judge0End:
    """The end of a submission in Judge0's words."""

    status: Status
    message: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None


def ending_of(run: ProgramEnd) -> Judge0End:
    """Return how a run ended. A program that used the extra time has exceeded its limit."""
    is_over = 0 < run.cpu_limit < run.cpu_s
    if run.verdict is Verdict.COMPILE_ERROR:
        return Judge0End(Status.COMPILATION_ERROR)
    if run.verdict is Verdict.INTERNAL_ERROR:
        return Judge0End(Status.INTERNAL_ERROR, "The sandbox failed.")
    if run.verdict is Verdict.JUDGE_ERROR:
        return Judge0End(Status.INTERNAL_ERROR, "The judge failed.")
    if is_over or run.verdict is Verdict.TIME_LIMIT:
        message = "Time limit exceeded" if is_over else "Time limit exceeded (wall clock)"
        return Judge0End(Status.TIME_LIMIT_EXCEEDED, message, 0)
    match run.verdict:
        case Verdict.OK | Verdict.ACCEPTED:
            return Judge0End(Status.ACCEPTED, None, 0)
        case Verdict.WRONG_ANSWER:
            return Judge0End(Status.WRONG_ANSWER, None, 0)
        case Verdict.OUTPUT_LIMIT:
            # In Judge0, an output is a file, so the limit of files holds for it.
            return _killed(signal.SIGXFSZ)
        case Verdict.MEMORY_LIMIT if not run.exit_code:
            return _killed(signal.SIGKILL)
    return _killed(run.signal) if run.signal is not None else _exited(run.exit_code or 0, run.stderr)


def _killed(number: int) -> Judge0End:
    return Judge0End(_OF_SIGNAL.get(number, Status.OTHER), f"Caught fatal signal {number}", 0, number)


def _exited(code: int, stderr: bytes) -> Judge0End:
    is_no_program = code == _NOT_EXECUTABLE and _EXEC_FORMAT_ERROR in stderr
    status = Status.EXEC_FORMAT_ERROR if is_no_program else Status.NZEC
    return Judge0End(status, f"Exited with error status {code}", code)
