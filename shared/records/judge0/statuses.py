"""Judge0's statuses, and how the end of a run becomes one. Pure."""

import signal
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Self

from shared.engine_api.codex import Verdict


class Status(IntEnum):
    """A status by its number. Clients compare its description with their own."""

    description: str

    def __new__(cls, number: int, description: str) -> Self:
        status = int.__new__(cls, number)
        status._value_ = number
        status.description = description
        return status

    IN_QUEUE = 1, "In Queue"
    PROCESSING = 2, "Processing"
    ACCEPTED = 3, "Accepted"
    WRONG_ANSWER = 4, "Wrong Answer"
    TIME_LIMIT_EXCEEDED = 5, "Time Limit Exceeded"
    COMPILATION_ERROR = 6, "Compilation Error"
    SIGSEGV = 7, "Runtime Error (SIGSEGV)"
    SIGXFSZ = 8, "Runtime Error (SIGXFSZ)"
    SIGFPE = 9, "Runtime Error (SIGFPE)"
    SIGABRT = 10, "Runtime Error (SIGABRT)"
    NZEC = 11, "Runtime Error (NZEC)"
    OTHER = 12, "Runtime Error (Other)"
    INTERNAL_ERROR = 13, "Internal Error"
    EXEC_FORMAT_ERROR = 14, "Exec Format Error"

    @property
    def shown(self) -> dict[str, Any]:
        """The status as clients get it."""
        return {"id": int(self), "description": self.description}


_OF_SIGNAL: Final = {getattr(signal, name): Status[name] for name in ("SIGSEGV", "SIGXFSZ", "SIGFPE", "SIGABRT")}


@dataclass(frozen=True, slots=True)
class Judge0End:
    """The end of a submission in Judge0's words."""

    status: Status
    message: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None


def ending_of(
    verdict: Verdict, exit_code: int | None, number: int | None, *, is_over: bool, is_no_program: bool
) -> Judge0End:
    """Return how a run ended, with this exit code or killed by the signal `number`.

    A program that `is_over` has used more CPU time than its limit, which the extra time allows it. One that
    `is_no_program` could not be executed.
    """
    if verdict is Verdict.COMPILE_ERROR:
        return Judge0End(Status.COMPILATION_ERROR)
    if verdict is Verdict.INTERNAL_ERROR:
        return Judge0End(Status.INTERNAL_ERROR, "The sandbox failed.")
    if verdict is Verdict.JUDGE_ERROR:
        return Judge0End(Status.INTERNAL_ERROR, "The judge failed.")
    if is_over or verdict is Verdict.TIME_LIMIT:
        message = "Time limit exceeded" if is_over else "Time limit exceeded (wall clock)"
        return Judge0End(Status.TIME_LIMIT_EXCEEDED, message, 0)
    match verdict:
        case Verdict.OK | Verdict.ACCEPTED:
            return Judge0End(Status.ACCEPTED, None, 0)
        case Verdict.WRONG_ANSWER:
            return Judge0End(Status.WRONG_ANSWER, None, 0)
        case Verdict.OUTPUT_LIMIT:
            # In Judge0, an output is a file, so the limit of files holds for it.
            number = signal.SIGXFSZ
        case Verdict.MEMORY_LIMIT if not exit_code:
            number = signal.SIGKILL
    if number is not None:
        return Judge0End(_OF_SIGNAL.get(number, Status.OTHER), f"Caught fatal signal {number}", 0, number)
    status = Status.EXEC_FORMAT_ERROR if is_no_program else Status.NZEC
    return Judge0End(status, f"Exited with error status {exit_code or 0}", exit_code or 0)
