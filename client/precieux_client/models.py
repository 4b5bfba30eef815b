"""The server's answers, as frozen values. Times are in UTC, durations in seconds, sizes in bytes."""

import base64
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

State = Literal["held", "queued", "running", "finished", "failed", "cancelled"]
Verdict = Literal[
    "ok",
    "accepted",
    "compile_error",
    "runtime_error",
    "time_limit",
    "memory_limit",
    "output_limit",
    "wrong_answer",
    "judge_error",
]
MailState = Literal[
    "queued", "sending", "sent", "delivered", "deferred", "bounced", "complained", "refused", "suppressed", "uncertain"
]

T = TypeVar("T")

#: The states in which nothing more happens to a submission, unless it is run again.
FINAL_STATES: Final = frozenset({"finished", "failed", "cancelled"})
#: The verdicts of a program that did what it should.
GOOD_VERDICTS: Final = frozenset({"ok", "accepted"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a program. None stands for the operator's default."""

    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Checker:
    """How an output is compared with the expected one: `exact`, `lines`, `tokens`, `float` or `icpc`.

    `args` are those of `icpc`, the default validator of problem packages.
    """

    kind: Literal["exact", "lines", "tokens", "float", "icpc"] = "lines"
    tolerance: float | None = None
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgeProgram:
    """A program that judges another: its language, either `source` or `files`, and how it is called.

    `files` has each file's content by its path. None and empty values are the server's defaults.
    """

    language: str
    source: str | None = None
    files: Mapping[str, str | bytes] | None = None
    entry: str | None = None
    protocol: Literal["kattis", "testlib"] = "kattis"
    args: tuple[str, ...] = ()
    compiler_args: tuple[str, ...] = ()
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class ProgramChecker(JudgeProgram):
    """A program that judges the output of each test."""

    kind: Literal["program"] = field(default="program", init=False)


@dataclass(frozen=True, slots=True)
class Interactor(JudgeProgram):
    """A program that talks with the submitted one while it runs, and judges it."""


@dataclass(frozen=True, slots=True)
class UnitTests:
    """Unit tests of a program, either `source` or `files`. None and empty values are the server's defaults.

    `files` has each file's content by its path. `shared_files` lie over the program's own files.
    """

    files: Mapping[str, str | bytes] | None = None
    source: str | None = None
    framework: Literal["pytest", "unittest", "junit", "node"] | None = None
    module: str | None = None
    shared_files: Mapping[str, str | bytes] | None = None
    visibility: Literal["visible", "hidden"] | None = None
    limits: Limits | None = None
    total_cpu_s: float | None = None


@dataclass(frozen=True, slots=True)
class TestCase:
    """A test to run: its input and its expected output, which is not compared if it is None."""

    __test__ = False  # pytest would take it for a test

    stdin: str = ""
    expected_output: str | None = None
    name: str | None = None
    args: tuple[str, ...] = ()
    limits: Limits | None = None
    hidden: bool = False
    points: float = 1


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file of a submission, without its content."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Judge:
    """A program that judges a submission, without its source. A checker has the `kind` `program`."""

    protocol: Literal["kattis", "testlib"]
    language: str
    entry: str
    files: tuple[FileInfo, ...]
    args: tuple[str, ...]
    compiler_args: tuple[str, ...]
    limits: Limits
    kind: Literal["program"] | None = None


@dataclass(frozen=True, slots=True)
class UnitTestsInfo:
    """Unit tests without their contents. `tests` and `points` are None until the server has listed the tests."""

    framework: str
    module: str | None
    files: tuple[FileInfo, ...]
    shared_files: tuple[FileInfo, ...]
    visibility: str
    limits: Limits
    total_cpu_s: float | None
    tests: int | None
    points: float | None


@dataclass(frozen=True, slots=True)
class Engine:
    """The language as the engine names it, and the version of its tools."""

    language: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """How a run or one of its tests ended. `message` is from the judge to the program's author.

    `judge_message` is from the judge to the author of the test.
    """

    verdict: Verdict | None
    points: float | None
    points_awarded: float | None
    stdout: str | None
    stderr: str | None
    exit_code: int | None
    signal: str | None
    cpu_s: float | None
    wall_s: float | None
    memory_bytes: int | None
    message: str | None = None
    judge_message: str | None = None

    @property
    def passed(self) -> bool:
        """True if the program did what it should."""
        return self.verdict in GOOD_VERDICTS


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult(_Result):
    """How one test ended. `verdict` is None if it was not run, and `points_awarded` if its judge failed."""

    __test__ = False

    number: int
    name: str
    hidden: bool
    diff: str | None
    #: None of a secret test, whose texts this key does not see.
    truncated: tuple[str, ...] | None
    group: str | None = None
    #: Of a unit test: `passed`, `failed`, `error`, `skipped`, `xfail` or `not_run`.
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The verdict and the points of a group of a problem's tests. `verdict` is None if none of it was run."""

    name: str
    parent: str | None
    verdict: Verdict | None
    points: float | None
    points_awarded: float | None
    tests: int
    passed: int


@dataclass(frozen=True, slots=True)
class _File:
    """A file that the program wrote to its folder `out`. The program chose its name: do not use it as a path."""

    name: str
    bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Artifact(_File):
    """A file that the program wrote to its folder `out`, as the server keeps it."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Result):
    """One run of a submission. With tests, its own output, exit code and signal are None.

    With tests, `judge_message` says why none of them could be judged.
    """

    number: int
    state: State
    requested_at: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    truncated: tuple[str, ...]
    compile_output: str | None
    engine: Engine | None
    tests: tuple[TestResult, ...] | None
    #: None with tests, and until the program has ended.
    artifacts: tuple[Artifact, ...] | None = None
    #: How many entries of `out` did not come back, for each reason.
    artifacts_left_out: Mapping[str, int] = field(default_factory=dict)
    #: None without a problem.
    groups: tuple[GroupResult, ...] | None = None


@dataclass(frozen=True, slots=True)
class TransientArtifact(_File):
    """A file that the program wrote to its folder `out`, in a run that is not stored."""

    #: In base64; `data` has it decoded.
    content: str = field(repr=False)

    @property
    def data(self) -> builtins.bytes:
        return base64.b64decode(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransientRun(_Result):
    """A run that is not stored. With tests, its own output, exit code and signal are None.

    `error` is a sentence if the program did not end well; None with tests. With tests, `judge_message` says why none of
    them could be judged.
    """

    verdict: Verdict
    language: str
    error: str | None
    truncated: tuple[str, ...]
    compile_output: str | None
    engine: Engine
    tests: tuple[TestResult, ...] | None
    #: None with tests.
    artifacts: tuple[TransientArtifact, ...] | None
    #: How many entries of `out` did not come back, for each reason.
    artifacts_left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Queue:
    """The place of a queued submission. The next one to be run is at position 1."""

    position: int
    estimated_start_at: datetime | None


@dataclass(frozen=True, slots=True)
class MailSummary:
    """The latest mail of a submission."""

    id: int
    state: MailState
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Webhook:
    """How far a webhook's delivery is. `gone`: the receiver wants no more. `failed`: the last attempt failed."""

    url: str
    state: Literal["pending", "delivered", "gone", "failed"]
    attempts: int
    last_status: int | None
    last_error: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubmissionLinks:
    self: str
    events: str
    output: str
    source: str
    page: str | None


@dataclass(frozen=True, slots=True)
class Submission:
    """A program with its input, and its latest run."""

    id: int
    state: State
    verdict: Verdict | None
    language: str
    entry: str
    files: tuple[FileInfo, ...]
    args: tuple[str, ...]
    compiler_args: tuple[str, ...]
    limits: Limits
    checker: Judge | Checker | None
    stop_at_first_failure: bool
    email: str | None
    locale: str
    metadata: Mapping[str, str]
    batch: int | None
    created_at: datetime
    queue: Queue | None
    run: Run | None
    runs: int
    mail: MailSummary | None
    webhook: Webhook | None
    links: SubmissionLinks
    interactor: Judge | None = None
    problem: str | None = None
    unit_tests: UnitTestsInfo | None = None
    stop_after_time_limits: int | None = None

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def passed(self) -> bool:
        """True if the program did what it should, in all tests if it has any."""
        return self.state == "finished" and self.verdict in GOOD_VERDICTS


@dataclass(frozen=True, slots=True)
class ProblemLimits:
    """The limits of a problem, or of a language in it, where None means the problem's limit."""

    cpu_s: float | None = None
    wall_s: float | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None
    source_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TestCounts:
    """How many tests are shown, and how many are secret."""

    __test__ = False  # pytest would take it for a test

    sample: int
    secret: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of a problem. `truncated` names its texts that are cut."""

    name: str
    input: str | None
    answer: str | None
    interaction: str | None
    truncated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageWarning:
    """A warning about a file of a package, or with an empty `path` about the archive."""

    path: str
    detail: str


@dataclass(frozen=True, eq=False)
class ProblemGroup(Mapping[str, Any]):
    """A group of a problem's tests. It also is a mapping of its fields, as in version 1.0."""

    name: str
    parent: str | None
    policy: str
    points: float | None
    requires: tuple[str, ...]
    tests: int

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self))

    def __len__(self) -> int:
        return len(vars(self))


@dataclass(frozen=True, slots=True)
class Problem:
    """A version of a problem. What only its owner may see is None for other keys; in a list, so are samples."""

    name: str
    version: int
    versions: int
    title: str
    titles: Mapping[str, str]
    format: str
    type: tuple[str, ...]
    visibility: Literal["private", "shared"]
    languages: tuple[str, ...] | None
    limits: ProblemLimits
    time_limit_from: str
    language_limits: Mapping[str, ProblemLimits]
    checker: Judge | Checker | None
    interactor: Judge | None
    tests: TestCounts
    groups: tuple[ProblemGroup, ...]
    points: float | None
    samples: tuple[Sample, ...] | None
    digest: str | None
    size_bytes: int | None
    warnings: tuple[PackageWarning, ...] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """A submission of the jury in a check. `result` is None until that has finished."""

    path: str
    language: str | None
    expected: tuple[str, ...]
    submission: int | None
    verdict: str | None
    verdicts: Mapping[str, int]
    points_awarded: float | None
    slowest_s: float | None
    result: Literal["as_expected", "unexpected", "not_run"] | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class ProblemCheck:
    """A check of a package. `data` are faults in its files; the submissions of the jury are in `batch`."""

    id: int
    problem: str
    state: Literal["running", "finished"]
    verdict: Literal["passed", "failed"] | None
    batch: int
    time_limit: Mapping[str, Any] | None
    data: tuple[PackageWarning, ...]
    submissions: tuple[CheckedSubmission, ...]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchLinks:
    self: str
    events: str
    submissions: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Submissions that were posted together. `done` of `total` have ended."""

    id: int
    state: Literal["running", "finished"]
    total: int
    done: int
    states: Mapping[str, int]
    verdicts: Mapping[str, int]
    digest: bool
    webhook: Webhook | None
    created_at: datetime
    finished_at: datetime | None
    submissions: tuple[int, ...]
    links: BatchLinks


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of a submission. `to` is None until the mail is written."""

    id: int
    kind: Literal["result", "receipt", "digest", "check"]
    to: str | None
    locale: str | None
    state: MailState
    attempts: int
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several toolchains of a language."""

    code: str
    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Library:
    """A package that programs may import."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework of unit tests."""

    framework: str
    version: str


@dataclass(frozen=True, slots=True)
class Language:
    """A language in which programs can be submitted.

    `compiler_args` are the options that a program may set. `sample` is a short program. `fault` says why programs in it
    may not work on this server. `libraries` are packages that programs may import, beside the language's own modules.
    `source` says where its tools come from, and `released` is the year of this version. Older servers send none of the
    four.
    """

    code: str
    name: str
    aliases: tuple[str, ...]
    version: str | None
    variants: tuple[Variant, ...]
    extensions: tuple[str, ...]
    compiled: bool | None
    compiler_args: tuple[str, ...]
    sample: str | None
    limits: Limits | None
    fault: str | None = None
    libraries: tuple[Library, ...] = ()
    source: str | None = None
    released: int | None = None
    unit_tests: tuple[Framework, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget of this key, and how much of it is used. `resets_at` is None if nothing is used.

    `window_s` is None for what stays in use until it is deleted; so is then `resets_at`.
    """

    name: str
    limit: float
    used: float
    remaining: float
    window_s: float | None
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class LimitBounds:
    """The default of a limit and its highest value, in the unit that the limit's name says."""

    default: float
    max: float


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of the server. `limits` has those of programs, by the names of the fields of `Limits`."""

    max_body_bytes: int
    max_source_bytes: int
    max_stdin_bytes: int
    max_files: int
    max_tests: int
    max_batch: int
    max_args: int
    max_args_bytes: int
    max_wait_s: int
    max_streams: int
    idempotency_s: int
    limits: Mapping[str, LimitBounds]
    max_checker_bytes: int | None = None
    max_unit_tests: int | None = None
    #: Seconds of run time that the programs of this key may use an hour; None for any.
    run_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream. `data` is its JSON."""

    name: str
    data: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `next` is the cursor of the next page, None on the last one."""

    items: tuple[T, ...]
    next: str | None
