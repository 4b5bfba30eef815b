"""The models of the resources. Every key is always there, and None if it is not known or does not apply.

A model's fields are in the order in which they are sent.
"""

import signal as signals
from datetime import UTC, datetime
from typing import Annotated, Final, Generic, Literal, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import LeftOut
from shared.engine_api.run_call.request import CheckerKind, JudgeProtocol
from shared.engine_api.unit_tests import UnitTestFramework, UnitTestOutcome, UnitTestVisibility
from shared.records.resources.states import BatchState, MailKind, MailState, State, WebhookState

T = TypeVar("T")

_INT64: Final = {"format": "int64"}


def rfc3339(time: datetime) -> str:
    """Return the time in UTC, with a Z at its end."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def signal_name(number: int | None) -> str | None:
    """Return a signal's name, such as SIGSEGV. Real-time signals have the names SIGRTMIN+1, SIGRTMIN+2, ..."""
    if number is None:
        return None
    try:
        return signals.Signals(number).name
    except ValueError:
        beyond = number - signals.SIGRTMIN
        return f"SIGRTMIN+{beyond}" if 0 < beyond < signals.SIGRTMAX - signals.SIGRTMIN else f"SIG{number}"


Time = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T12:00:00.250000Z"]),
]
Id = Annotated[int, Field(ge=1, json_schema_extra=_INT64, examples=[5])]
Bytes = Annotated[int, Field(ge=0, json_schema_extra=_INT64)]


class Resource(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class ListOf(Resource, Generic[T]):
    """A page of a list. `next` is the `cursor` of the next page, or null on the last one."""

    items: list[T]
    next: str | None


class File(Resource):
    """A source file."""

    path: str = Field(examples=["main.py"])
    size_bytes: Bytes | None


class Limits(Resource):
    """The limits in effect. A limit is null if the engine reports none."""

    cpu_s: float | None
    wall_s: float | None
    memory_bytes: int | None
    output_bytes: int | None
    processes: int | None


class Comparison(Resource):
    """How the output is compared. `tolerance` is null unless `kind` is `float`."""

    kind: Literal[CheckerKind.EXACT, CheckerKind.LINES, CheckerKind.TOKENS, CheckerKind.FLOAT]
    tolerance: float | None


class IcpcComparison(Resource):
    """The output is compared as by the default validator of problem packages."""

    kind: Literal[CheckerKind.ICPC]
    args: list[str]


class Judge(Resource):
    """A program that judges. Its source does not come back. `limits` are those in effect."""

    protocol: JudgeProtocol
    language: str = Field(examples=["cpp"])
    entry: str = Field(examples=["checker.cpp"])
    files: list[File]
    args: list[str]
    compiler_args: list[str]
    limits: Limits


class CheckerProgram(Judge):
    """A program judges the output."""

    kind: Literal[CheckerKind.PROGRAM] = CheckerKind.PROGRAM


class UnitTestSuite(Resource):
    """Unit tests, without their contents. `tests` and `points` are null until the engine has listed the tests."""

    framework: UnitTestFramework
    module: str | None
    files: list[File]
    shared_files: list[File]
    visibility: UnitTestVisibility
    limits: Limits
    total_cpu_s: float | None
    tests: int | None
    points: float | None


AnyChecker: TypeAlias = Annotated[Comparison | IcpcComparison | CheckerProgram, Field(discriminator="kind")]


class Queue(Resource):
    """The place of a waiting submission: 1 is the next to run."""

    position: int = Field(ge=1)
    estimated_start_at: Time | None


class Engine(Resource):
    """The language and the version that ran the program. Both are null until then."""

    language: str | None = Field(examples=["Python 3"])
    version: str | None = Field(examples=["3.11.9"])


class Test(Resource):
    """A test of a run. `verdict` is null while it has not ended, and for good if it was not run."""

    __test__ = False  # pytest would take it for a test

    number: int = Field(ge=1)
    name: str
    group: str | None = Field(default=None, description="The name of its group; null without a problem or unit tests.")
    hidden: bool
    verdict: Verdict | None = None
    outcome: UnitTestOutcome | None = Field(default=None, description="Of a unit test; null of other tests.")
    points: float | None = Field(description="Null if its judge gives them without a bound.")
    points_awarded: float | None = Field(default=None, description="Null after `judge_error`.")
    stdout: str | None = None
    stderr: str | None = None
    diff: str | None = Field(
        default=None,
        description="Ten lines at most, for people; null unless `verdict` is `wrong_answer`, and after a program.",
    )
    message: str | None = Field(default=None, description="From the judge to the program's author.")
    judge_message: str | None = Field(default=None, description="From the judge to whoever set the test.")
    truncated: list[str] | None = Field(
        default_factory=list,
        description="The names of the texts that are cut; null for a secret test of another key's problem.",
    )
    exit_code: int | None = None
    signal: str | None = Field(default=None, examples=["SIGSEGV"])
    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None


class GroupResult(Resource):
    """A group of a problem's tests. `verdict` is null if none of it was run."""

    name: str = Field(examples=["secret/group1"])
    parent: str | None
    verdict: Verdict | None
    points: float | None
    points_awarded: float | None
    tests: int
    passed: int


class _WrittenFile(Resource):
    name: str = Field(examples=["plot.png"])
    bytes: Bytes
    media_type: str = Field(
        description="Of a short list of harmless types; `application/octet-stream` for all others.",
        examples=["image/png"],
    )


class Artifact(_WrittenFile):
    """A file that the program wrote to its folder `out`. The program chose the name and the content."""

    url: str = Field(description="It needs the same key as the submission.")


class Run(Resource):
    """A run of a submission."""

    number: int = Field(ge=1)
    state: State
    verdict: Verdict | None = None
    requested_at: Time | None = None
    queued_at: Time | None = None
    started_at: Time | None = None
    finished_at: Time | None = None
    attempt: int
    stdout: str | None = None
    stderr: str | None = None
    compile_output: str | None = None
    message: str | None = Field(default=None, description="From the judge to the program's author; null with tests.")
    judge_message: str | None = Field(
        default=None, description="From the judge to whoever set the task. With tests it says why none could be judged."
    )
    truncated: list[str] = Field(default_factory=list, description="The names of the texts that are cut.")
    exit_code: int | None = None
    signal: str | None = Field(default=None, examples=["SIGSEGV"])
    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None
    engine: Engine
    artifacts: list[Artifact] | None = Field(
        default=None, description="Null with tests, and until the program has ended."
    )
    artifacts_left_out: dict[LeftOut, int] = Field(
        default_factory=dict, description="How many entries of the folder `out` did not come back, for each reason."
    )
    tests: list[Test] | None = None
    groups: list[GroupResult] | None = Field(default=None, description="Null without a problem.")
    points: float | None = None
    points_awarded: float | None = Field(default=None, description="Null after `judge_error`.")


class TransientArtifact(_WrittenFile):
    """A file that the program wrote to its folder `out`. The program chose the name and the content."""

    content: str = Field(description="In base64.", json_schema_extra={"contentEncoding": "base64"})


class TransientRun(Resource):
    """A run that is not stored."""

    language: str = Field(examples=["py"])
    verdict: Verdict
    error: str | None = Field(description="A sentence if the program did not end well; null with tests.")
    stdout: str | None = None
    stderr: str | None = None
    compile_output: str | None = None
    message: str | None = Field(default=None, description="From the judge to the program's author; null with tests.")
    judge_message: str | None = Field(
        default=None, description="From the judge to whoever set the task. With tests it says why none could be judged."
    )
    truncated: list[str] = Field(default_factory=list, description="The names of the texts that are cut.")
    exit_code: int | None = None
    signal: str | None = Field(default=None, examples=["SIGSEGV"])
    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None
    engine: Engine
    tests: list[Test] | None = None
    points: float | None = None
    points_awarded: float | None = Field(default=None, description="Null after `judge_error`.")
    artifacts: list[TransientArtifact] | None = Field(default=None, description="Null with tests.")
    artifacts_left_out: dict[LeftOut, int] = Field(
        default_factory=dict, description="How many entries of the folder `out` did not come back, for each reason."
    )


class MailStatus(Resource):
    """The state of a submission's latest result mail."""

    id: Id
    state: MailState
    updated_at: Time


class Mail(Resource):
    """A mail of a submission."""

    id: Id
    kind: MailKind
    to: str | None
    locale: str | None
    state: MailState
    attempts: int
    created_at: Time
    updated_at: Time
    sent_at: Time | None
    last_error: str | None


class Webhook(Resource):
    """The state of the latest webhook."""

    url: str
    state: WebhookState
    attempts: int
    last_status: int | None
    last_error: str | None
    next_attempt_at: Time | None


class SubmissionLinks(Resource):
    """The addresses of a submission. `page` is the recipient's."""

    self: str
    events: str
    output: str
    source: str
    page: str | None


class Submission(Resource):
    """A submission and its latest run."""

    id: Id
    state: State
    verdict: Verdict | None
    problem: str | None = Field(
        default=None, description="The version that it was submitted to; null without a problem.", examples=["sum@3"]
    )
    language: str | None = Field(examples=["py"])
    entry: str | None = Field(examples=["main.py"])
    files: list[File]
    args: list[str]
    compiler_args: list[str]
    limits: Limits
    checker: AnyChecker | None = Field(description="Null if a problem, an interactor or unit tests decide.")
    interactor: Judge | None = Field(
        description="What talks with the program while it runs; null for nothing, and with a problem."
    )
    unit_tests: UnitTestSuite | None = Field(description="Null without unit tests.")
    stop_at_first_failure: bool
    stop_after_time_limits: int | None = Field(description="Null: tests that run too long keep no others from running.")
    email: str | None
    locale: str
    metadata: dict[str, str]
    batch: Id | None
    created_at: Time
    queue: Queue | None
    run: Run | None
    runs: int
    mail: MailStatus | None
    webhook: Webhook | None
    links: SubmissionLinks


class BatchProgress(Resource):
    """How far a batch is: `done` of `total` submissions are in a final state."""

    total: int
    done: int
    states: dict[State, int]
    verdicts: dict[Verdict, int]


class BatchLinks(Resource):
    """The addresses of a batch."""

    self: str
    events: str
    submissions: str


class Batch(Resource):
    """A batch. What was deleted does not count."""

    id: Id
    state: BatchState
    total: int
    done: int
    states: dict[State, int]
    verdicts: dict[Verdict, int]
    digest: bool
    webhook: Webhook | None
    created_at: Time
    finished_at: Time | None
    submissions: list[Id]
    links: BatchLinks
