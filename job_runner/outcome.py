"""What an engine's answer means for the job. Pure; read this first.

Their failure is a verdict and completes the job; our failure is an exception and never comes here, except as the
last one, when every attempt is spent.
"""

from dataclasses import dataclass
from typing import Final

from shared.codex import RunResponse, Verdict
from shared.job_state import JobState

MAX_RERUNS: Final = 2

#: What a sender may do about a job that could not be run, as the mail says it.
ASK_AGAIN: Final = "You may request it again."
ASK_THE_OPERATOR: Final = "It is not run again until the operator of this service allows it."
SEND_ANOTHER: Final = "To request it again cannot help: send the program again with this mended."


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a job.

    `success` is the original's: it chooses the mail and whether the code stays enabled. `answer` is what the engine
    answered, or None if the program never ran. Then `state` is FAILED, `reason` says why, `is_ours` tells whether the
    cause is on our side, and `next_step` is a sentence for the sender.
    """

    state: JobState
    success: bool
    verdict: Verdict | None
    answer: RunResponse | None
    reason: str | None = None
    is_ours: bool = True
    next_step: str = ASK_AGAIN

    @property
    def blocks_upload(self) -> bool:
        """Code that is in error may not be requested again; what failed on our side may."""
        return self.state is JobState.EXECUTED and not self.success


def decide(answer: RunResponse) -> Outcome:
    """The outcome of an answer that is a verdict on the program (see `job_runner.codex_client` for what is not).

    An engine that tells no verdict is believed as in the original: `status` 200 in the body is success.
    """
    verdict = answer.verdict
    success = answer.status == 200 if verdict is None else verdict is Verdict.OK
    return Outcome(JobState.EXECUTED, success, verdict, answer)


def tells_of_load(answer: RunResponse, attempt: int) -> bool:
    """Whether a time limit tells of the machine, not of the program, which then is run again when the load is gone.

    It does when the elapsed time ran out, the program had used less than half of it, and somebody waited for a CPU
    for most of it. After `MAX_RERUNS` the verdict stands, with its evidence: a program that only sleeps looks alike.
    """
    return (
        answer.verdict is Verdict.TIME_LIMIT
        and attempt <= MAX_RERUNS
        and answer.cpu_pressure is not None
        and answer.time_s is not None
        and answer.wall_s is not None
        and answer.cpu_pressure >= 0.5
        and answer.time_s < answer.wall_s / 2
    )


def give_up(reason: str, *, is_ours: bool = True, next_step: str = ASK_AGAIN) -> Outcome:
    """Return the outcome of a job that could not be run."""
    return Outcome(JobState.FAILED, False, None, None, reason=reason, is_ours=is_ours, next_step=next_step)
