"""Decides what an engine's answer means for the job. Pure; read this first.

A program's failure is a verdict and completes the job. A failure on our side is an exception, and completes the job
only after its last attempt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.common.service.errors import (
    EngineAway,
    EngineCrashed,
    EngineRefused,
    EngineUnavailable,
    PermanentError,
    PrecieuxError,
    TransientError,
)
from shared.engine_api.artifacts import StoredArtifact
from shared.engine_api.codex import RunResponse, Verdict
from shared.engine_api.run_call.events import GOOD_VERDICTS, Compiled, LeftOut, ProgramArtifact, TestEnded
from shared.engine_api.run_call.limits import ProgramLimits
from shared.engine_api.run_call.results import POINTS_DECIMALS, awarded
from shared.engine_api.unit_tests import UnitTestOutcome
from shared.judging.grading.fold import RunResult
from shared.records.messages.translations import gettext_noop
from shared.records.operations.job_state import JobState

MAX_RERUNS: Final = 2
#: Seconds before another run if load caused a time limit.
_RERUN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How a test ended. Its verdict is None if it was not run, and `limits` if the engine does not report them.

    `scored` are the points that a judge gave; None if the verdict decides.
    """

    name: str
    hidden: bool
    points: float | None
    verdict: Verdict | None = None
    cpu_s: float | None = None
    memory_bytes: int | None = None
    limits: ProgramLimits | None = None
    scored: float | None = None
    #: Of a unit test.
    outcome: UnitTestOutcome | None = None

    __test__ = False  # pytest would take it for a test

    @property
    def points_awarded(self) -> float | None:
        return awarded(self.points or 0.0, self.verdict, self.scored)


@dataclass(frozen=True, slots=True)
class FailedTest:
    """The texts of a test that was not passed and is not hidden, for the mail.

    One that was passed is among them if its judge left a message, and has no other text.
    """

    name: str
    stdin: str
    diff: str
    stderr: str
    message: str = ""
    #: Of the sample of a problem.
    expected: str = ""
    #: What the program wrote during a unit test.
    stdout: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """The parts of an answer to `POST /run` that an answer to the CodeX call lacks.

    `compile_output` is None if nothing was compiled. `cut` names the texts that were cut. `tests` is None if the
    submission has none, and `failed` has those whose texts may be shown. `stdout_bytes` and `stderr_bytes` are
    the program's output if that is not UTF-8, otherwise None. `limits` are those of a submission without tests.
    `artifacts` are the files that the program wrote to `out/`, or None if the engine was not asked for them;
    `artifacts_left_out` says how many others there were, for each reason. The messages are those of a judge to the
    program's author and to whoever set the test: about a submission without tests, or why no test could be judged.
    """

    stderr: str | None
    compile_output: str | None
    cut: tuple[str, ...] = ()
    tests: tuple[TestOutcome, ...] | None = None
    stdout_bytes: bytes | None = None
    stderr_bytes: bytes | None = None
    limits: ProgramLimits | None = None
    failed: Sequence[FailedTest] = ()
    artifacts: Sequence[ProgramArtifact] | None = None
    artifacts_left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    message: str | None = None
    judge_message: str | None = None
    judge_cpu_s: float = 0.0
    #: False if a judge failed: nobody knows what the tests have earned.
    is_judged: bool = True
    #: True if the program talked with an interactor. Then it has no output.
    is_interactive: bool = False
    #: True if the tests are unit tests. Then the program's output is what it wrote when it was started.
    has_unit_tests: bool = False
    #: The result of a run for a problem, with its groups.
    graded: RunResult | None = None
    #: The title and the version of the problem.
    problem: str = ""

    @property
    def points(self) -> float | None:
        if self.graded is not None:
            return self.graded.points
        return None if self.tests is None else sum(test.points or 0.0 for test in self.tests)

    @property
    def points_awarded(self) -> float | None:
        if self.tests is None or not self.is_judged:
            return None
        if self.graded is not None:
            return self.graded.points_awarded
        return round(sum(test.points_awarded or 0.0 for test in self.tests), POINTS_DECIMALS)


#: What a sender can do about a job that could not be run, as the mail says it.
ASK_AGAIN: Final = gettext_noop("Please send it again later, or tell your teacher.")
SEND_ANOTHER: Final = gettext_noop("Fix this, then send the program again.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a job.

    `success` is as in the original: it chooses the mail and whether the code stays enabled. `answer` is the engine's
    answer, or None if the program never ran. Then `state` is FAILED, `reason` says why, `is_ours` is True if the cause
    is on our side, and `next_step` is a sentence for the sender. `details` is None after a CodeX call.
    """

    state: JobState
    success: bool
    verdict: Verdict | None
    answer: RunResponse | None
    reason: str | None = None
    is_ours: bool = True
    next_step: str = ASK_AGAIN
    details: Details | None = None

    @property
    def output(self) -> bytes:
        """The bytes that the program wrote to its standard output."""
        if self.details and self.details.stdout_bytes is not None:
            return self.details.stdout_bytes
        return self.answer.output.encode("utf-8", "replace") if self.answer else b""

    @property
    def tests(self) -> tuple[TestOutcome, ...] | None:
        """The tests of the submission, or None if it has none or was not run."""
        return self.details.tests if self.details else None

    @property
    def blocks_upload(self) -> bool:
        """True if the code may not be requested again, because it is in error. After a failure on our side, it may."""
        return self.state is JobState.EXECUTED and not self.success and self.verdict is not Verdict.JUDGE_ERROR


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The places of the files of an outcome.

    `output_key` and `filelink` are None if the output is not in the object store, and `artifacts` if the program can
    have none.
    """

    output_key: str | None = None
    filelink: str | None = None
    artifacts: tuple[StoredArtifact, ...] | None = None


NO_FILES: Final = StoredFiles()


def decide(answer: RunResponse, details: Details | None = None) -> Outcome:
    """Return the outcome of an answer about the program. `shared.adapters.engine` raises for all other answers.

    Some engines send no verdict. Then, as in the original, `status` 200 in the body is success.
    """
    verdict = answer.verdict
    success = answer.status == 200 if verdict is None else verdict in GOOD_VERDICTS
    return Outcome(JobState.EXECUTED, success, verdict, answer, details=details)


def check_load(answer: RunResponse | TestEnded | Compiled, attempt: int) -> None:
    """Raise `EngineUnavailable` if a limit of elapsed time was exceeded because of the machine's load. The program is
    then run again.

    This is so if a CPU was used for less than half of the elapsed time, and processes waited for a CPU for at least
    half of it. After `MAX_RERUNS`, a program's verdict is final: one that only sleeps looks the same. Compilers do not
    sleep, so theirs is never the sender's fault.
    """
    cpu_s = answer.time_s if isinstance(answer, RunResponse) else answer.cpu_s
    if (
        answer.verdict in (Verdict.TIME_LIMIT, Verdict.COMPILE_ERROR)
        and answer.cpu_pressure is not None  # else the limit was another one, or the load is unknown
        and answer.cpu_pressure >= 0.5
        and cpu_s is not None
        and answer.wall_s is not None
        and cpu_s < answer.wall_s / 2
    ):
        if answer.verdict is Verdict.COMPILE_ERROR:
            raise EngineUnavailable("the machine was too busy to compile it", retry_after=_RERUN_SECONDS)
        if attempt <= MAX_RERUNS:
            raise EngineUnavailable("the machine was overloaded while it ran", retry_after=_RERUN_SECONDS)


def give_up(reason: str, *, is_ours: bool = True, next_step: str = ASK_AGAIN) -> Outcome:
    """Return the outcome of a job that could not be run."""
    return Outcome(JobState.FAILED, False, None, None, reason=reason, is_ours=is_ours, next_step=next_step)


def outcome_after(error: PrecieuxError, attempt: int, max_attempts: int) -> Outcome | None:
    """Return the outcome of a job whose attempt ended by an error; None if it is tried again."""
    match error:
        case EngineRefused():
            return give_up(str(error), is_ours=False, next_step=SEND_ANOTHER)
        case PermanentError():
            return give_up(str(error))
        case EngineCrashed():
            return None  # `job_runner.leases.poison_jobs` bounds these attempts
    is_last = costs_an_attempt(error) and attempt >= max_attempts
    return give_up(f"{error} (tried {attempt} times)") if is_last else None


def costs_an_attempt(error: PrecieuxError) -> bool:
    """Return False if something was away that no program can affect."""
    if isinstance(error, EngineUnavailable):
        return not isinstance(error, EngineAway)
    return not isinstance(error, TransientError)
