"""The events of `POST /run`'s answer: a stream of JSON objects, one a line (`application/x-ndjson`)."""

from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.common.text import source_paths
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.limits import SHA256
from shared.engine_api.run_call.request import JudgeName
from shared.engine_api.unit_tests import MAX_UNIT_TEST_POINTS, MAX_UNIT_TESTS, UnitTestOutcome

#: The verdicts of a test that earns its points. All others are bad.
GOOD_VERDICTS: Final = frozenset({Verdict.OK, Verdict.ACCEPTED})


#: The most turns of the two outputs that an engine reports.
MAX_TURNS: Final = 8192


class _Event(BaseModel):
    """One line of the answer. An engine may add keys."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Stop(StrEnum):
    """A limit that ends a program or a compiler."""

    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    OUTPUT = "output"


#: The characters of standard output and of standard error that came by turns, standard output first.
Order = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(max_length=MAX_TURNS, description="characters of standard output and of standard error, by turns"),
]


class Started(_Event):
    """The program has its slot. The commands are for a shell; `compile` is None if the language has no compiler.

    `instance` names the engine's process, and `GET /list` has it too. So a client whose connection breaks can find out
    whether the engine stopped.
    """

    event: Literal["started"] = "started"
    language: str = Field(description="the language's code")
    info: str = Field(description="the compiler's or interpreter's version text")
    compile: str | None
    run: str
    instance: str = ""


_WAITED: Final = "seconds in which it waited for a processor"


class Compiled(_Event):
    """The compiler has ended. No test follows after `compile_error`. Without a compiler there is no such event.

    `stderr` and `order` are None unless the request has `output_order`. With it, `output` is standard output alone.
    """

    event: Literal["compiled"] = "compiled"
    verdict: Literal[Verdict.COMPILE_ERROR] | None
    error: str = Field(description="a sentence if a limit stopped the compiler, otherwise empty")
    output: str = Field(description="the compiler's diagnostics")
    truncated: bool
    cpu_s: float
    wall_s: float
    waited_s: float = Field(default=0, description=_WAITED)
    memory_bytes: int
    exit_code: int | None = None
    signal: int | None = None
    stopped: Stop | None = None
    cut: list[str] = Field(default=[], description="those of `stdout` and `stderr` that were cut")
    stderr: str | None = None
    order: Order | None = None
    cpu_pressure: float | None = Field(default=None, description="after `stopped` by wall, as in `TestEnded`")


class LeftOut(StrEnum):
    """Why an entry of a program's folder `out` does not come back.

    too_many: it is beyond the most files. too_large: it does not fit into the bytes that are left. not_a_file: it is a
    folder, a link or a special file. unreadable: the program may not read it. bad_name: its name is not UTF-8, or has a
    control character.
    """

    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    BAD_NAME = "bad_name"


class ProgramArtifact(BaseModel):
    """A file that a program wrote to its folder `out`."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    content: bytes = Field(repr=False, description="URL-safe base64")

    @field_validator("name")
    @classmethod
    def _is_safe(cls, name: str) -> str:
        if not source_paths.is_file_name(name):
            raise ValueError("The name is not that of a file in a folder.")
        return name


class FetchedFile(BaseModel):
    """A file that the request wanted, by the path that it named."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")

    path: str
    content: bytes = Field(repr=False, description="URL-safe base64")


class Alive(_Event):
    """The engine has the run. A client that asked for it gets one each few seconds, and when the run becomes long."""

    event: Literal["alive"] = "alive"
    waiting: int = Field(default=0, description="its place among the runs of its share that wait; 0: it does not wait")
    is_long: bool = Field(default=False, description="a step has used up its slice of CPU time and gives way")


class Missing(_Event):
    """The engine lacks tests' data, which `PUT /test-data/{sha256}` brings. Nothing is run, and `Finished` follows."""

    event: Literal["missing"] = "missing"
    digests: list[Annotated[str, Field(pattern=SHA256)]]


class JudgeFailed(_Event):
    """A judge cannot run, or unit tests cannot be listed, so no test has a verdict. Only `Finished` follows."""

    event: Literal["judge_failed"] = "judge_failed"
    judge: JudgeName | Literal["unit_tests"]
    judge_message: str = Field(description="the reason, such as the compiler's diagnostics")


#: The score, or the share of the points, that stands for a text that is no number. No test allows it.
NO_NUMBER: Final = -1e300


class TestEnded(_Event):
    """A test has ended. Tests that are not run have no event. The verdict is `compile_error` if the program had to be
    compiled again for this test, and the compiler rejected it; then `stderr` has the diagnostics.

    `stdout` and `stderr` have U+FFFD for what is not UTF-8. If there is such, their bytes follow in base64.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    __test__ = False  # pytest would take it for a test

    event: Literal["test"] = "test"
    number: int = Field(ge=1)
    verdict: Verdict
    error: str = Field(description="a sentence on why the program did not end well, or empty")
    stdout: str
    stderr: str
    stdout_bytes: bytes | None = Field(default=None, repr=False, description="URL-safe base64; None: `stdout` is exact")
    stderr_bytes: bytes | None = Field(default=None, repr=False, description="URL-safe base64; None: `stderr` is exact")
    diff: str | None = Field(description="for people, of at most ten lines, after `wrong_answer`")
    message: str | None = Field(default=None, description="from the judge to the program's author")
    judge_message: str | None = Field(default=None, description="from the judge to whoever set the test")
    points_awarded: float | None = Field(
        default=None, description="by a judge program, of the test's points; None: the verdict decides"
    )
    score: float | None = Field(default=None, description="with `of_problem`: what a judge wrote, unchecked")
    multiplier: float | None = Field(default=None, description="with `of_problem`: a share of the points, unchecked")
    judge_cpu_s: float = Field(default=0, description="of all judges of this test")
    truncated: list[str] = Field(description="those of `stdout` and `stderr` that were cut")
    exit_code: int | None
    signal: int | None
    cpu_s: float
    wall_s: float
    waited_s: float = Field(default=0, description=f"{_WAITED}, and its judges")
    memory_bytes: int
    cpu_pressure: float | None = Field(
        description="after `stopped` by wall: the share of the time in which something on the machine waited for a CPU"
    )
    stopped: Stop | None = None
    order: Order | None = None
    artifacts: list[ProgramArtifact] | None = Field(default=None, description="None: the request did not ask for them")
    artifacts_left_out: dict[LeftOut, int] = Field(default={}, description="how many, for each reason")
    fetched: list[FetchedFile] = Field(
        default=[], description="in the order of `fetch`, without those that are no regular files or do not fit"
    )

    @property
    def written_to_stdout(self) -> bytes:
        return self.stdout.encode("utf-8", "replace") if self.stdout_bytes is None else self.stdout_bytes

    @property
    def written_to_stderr(self) -> bytes:
        return self.stderr.encode("utf-8", "replace") if self.stderr_bytes is None else self.stderr_bytes


class CollectedTest(BaseModel):
    """A unit test, as it is listed before the program runs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(description="of its function, with its parameters")
    group: str = Field(description="its file without the extension, and its class")
    points: float = Field(ge=0, le=MAX_UNIT_TEST_POINTS, allow_inf_nan=False)
    hidden: bool


class Collection(_Event):
    """The unit tests, in their order. One event `unit_test` of each follows, in this order, and then `unit_tests`.

    Nothing of the program has been read or run yet, so the list does not depend on it.
    """

    event: Literal["collection"] = "collection"
    tests: list[CollectedTest] = Field(min_length=1, max_length=MAX_UNIT_TESTS)


class UnitTestEnded(_Event):
    """A unit test has ended, or has the outcome `not_run`. `number` is its place in the collection, from 1 on. Hidden
    ones may come after all others.

    `verdict` is None after `skipped`, `xfail` and `not_run`. The last three keys are None unless the program's box
    ended in this test. The outputs are the program's, not those of the test.
    """

    event: Literal["unit_test"] = "unit_test"
    number: int = Field(ge=1)
    outcome: UnitTestOutcome
    verdict: Verdict | None
    points_awarded: float = Field(ge=0, allow_inf_nan=False)
    message: str | None = Field(default=None, description="for the program's author, of up to 4 KiB")
    judge_message: str | None = Field(default=None, description="for whoever set the test, of up to 16 KiB")
    stdout: str = Field(default="", repr=False)
    stderr: str = Field(default="", repr=False)
    truncated: list[str] = Field(default=[], description="those of `stdout` and `stderr` that were cut")
    cpu_s: float = Field(default=0, description="of the program's box in this test")
    wall_s: float = Field(default=0, description="elapsed time of the test")
    exit_code: int | None = None
    signal: int | None = None
    memory_bytes: int | None = None


class UnitTestsEnded(_Event):
    """All unit tests have ended. `stdout` and `stderr` are what the program wrote when it was imported."""

    event: Literal["unit_tests"] = "unit_tests"
    verdict: Verdict
    points_awarded: float = Field(ge=0, allow_inf_nan=False)
    stdout: str = Field(default="", repr=False)
    stderr: str = Field(default="", repr=False)
    cpu_s: float = Field(description="of the program's boxes in all")
    wall_s: float
    memory_bytes: int = Field(description="the most of the program's boxes")
    judge_cpu_s: float = Field(description="of the tests' boxes in all, with that of the collection")
    starts: int = Field(description="how many pairs of boxes there were")


#: The streams that a program writes.
OutputStream: TypeAlias = Literal["stdout", "stderr"]


class StageBegan(_Event):
    """The compiler or the program of a conversation has started."""

    event: Literal["stage"] = "stage"
    stage: Literal["compile", "run"]


class Output(_Event):
    """A stage of a conversation, or a program with `live_output`, has written this text.

    It has U+FFFD for bytes that are not UTF-8.
    """

    event: Literal["output"] = "output"
    stream: OutputStream
    text: str = Field(repr=False)


class StageEnded(_Event):
    """A stage of a conversation has ended. If the compiler failed, no further stage starts."""

    event: Literal["exit"] = "exit"
    stage: Literal["compile", "run"]
    exit_code: int | None
    signal: int | None
    stopped: Stop | None
    cpu_s: float


class Finished(_Event):
    """The last event of a program that ran to its end."""

    event: Literal["finished"] = "finished"


class Failed(_Event):
    """The last event if the engine's sandbox failed, or if the engine stops. The program is not at fault."""

    event: Literal["failed"] = "failed"
    error: str
    stopping: bool = False


#: The events of unit tests, beside `JudgeFailed` (`judge` is `unit_tests`).
UnitTestEvent: TypeAlias = Collection | UnitTestEnded | UnitTestsEnded
#: An event of `POST /run`.
AnyEvent: TypeAlias = (
    Started | Alive | Missing | Compiled | Output | JudgeFailed | TestEnded | UnitTestEvent | Finished | Failed
)
#: An event of a conversation.
AnyConversationEvent: TypeAlias = StageBegan | Output | StageEnded | Finished | Failed
