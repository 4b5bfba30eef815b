"""The second call of our executor, `POST /run`: the program's request, and the events of its answer.

The answer is a stream of JSON objects, one a line (`application/x-ndjson`). `docs/engine.md` describes the call.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, TypeAdapter, field_validator, model_validator

from shared.common.text import source_paths
from shared.engine_api import icpc_args
from shared.engine_api.codex import LimitBounds, Verdict

#: What `LanguageList.calls` contains if an engine has `POST /run`.
RUN_CALL: Final = "run"
#: What it contains beside that if an engine knows the keys of these names. An older engine refuses them.
RUN_KEYS: Final = ("address_space_bytes", "interpreter_args", "fetch", "live_output")

MAX_FILES: Final = 256
#: The most files that come back of a program's folder `out`.
MAX_ARTIFACTS: Final = 16
#: The most files that a request fetches by their paths.
MAX_FETCHED: Final = 256
MAX_TESTS: Final = 100
SHA256: Final = "^[0-9a-f]{64}$"
#: The most passes of one test in a multi-pass problem.
MAX_PASSES: Final = 100
#: The most arguments of a program, and their bytes together. They also bound the options of a compiler.
MAX_ARGS: Final = 256
MAX_ARGS_BYTES: Final = 32768

#: The most variables in a program's environment, and the most bytes of all of them.
MAX_VARIABLES: Final = 32
MAX_VARIABLES_BYTES: Final = 4096
_VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")

#: A program may not have less memory than this. A lower limit counts as this one.
LEAST_MEMORY_BYTES: Final = 16 << 20

#: The verdicts of a test that earns its points. All others are bad.
GOOD_VERDICTS: Final = frozenset({Verdict.OK, Verdict.ACCEPTED})


#: Decimals of points.
POINTS_DECIMALS: Final = 6


def awarded(points: float, verdict: Verdict | None, scored: float | None) -> float | None:
    """Return the points that a test has earned; None if its judge failed. `scored` are those that a judge gave."""
    if verdict is Verdict.JUDGE_ERROR:
        return None
    earned = points if verdict in GOOD_VERDICTS else 0.0
    return earned if scored is None else round(scored, POINTS_DECIMALS)


class _Strict(BaseModel):
    """A part of a request. Unknown keys and values of another JSON type are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Encoding(StrEnum):
    UTF_8 = "utf-8"
    BASE64 = "base64"


def bytes_of(text: str, encoding: Encoding, name: str) -> bytes:
    """Return the bytes of a text in this encoding. Raises `ValueError` if the text is not valid base64."""
    if encoding is Encoding.UTF_8:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"`{name}` is not base64.") from None


def check_args(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return `args`. Raises `ValueError` if a program cannot be started with them."""
    if any("\0" in word for word in args):
        raise ValueError("An argument contains a NUL.")
    if len(args) > MAX_ARGS or sum(len(word.encode()) for word in args) > MAX_ARGS_BYTES:
        raise ValueError(f"There are more than {MAX_ARGS} arguments, or over {MAX_ARGS_BYTES} bytes of them.")
    return args


class ProgramFile(_Strict):
    path: str = Field(description="relative to the program's folder, with `/` between folders")
    content: str = Field(repr=False)
    encoding: Encoding = Encoding.UTF_8

    @field_validator("path")
    @classmethod
    def _is_safe(cls, path: str) -> str:
        if fault := source_paths.fault_of(path):
            raise ValueError(fault)
        return path

    @model_validator(mode="after")
    def _is_encoded(self) -> Self:
        self.data()
        return self

    def data(self) -> bytes:
        """Return the file's bytes. Raises `ValueError` if they are not base64."""
        return bytes_of(self.content, self.encoding, "content")


class ProgramLimits(_Strict):
    """The limits of a program. None stands for the operator's default. The operator's bounds are in `GET /list`."""

    cpu_s: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="CPU seconds")
    wall_s: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="elapsed seconds")
    memory_bytes: int | None = Field(default=None, gt=0, description="of the whole process tree")
    output_bytes: int | None = Field(default=None, gt=0, description="of standard output, and of standard error")
    processes: int | None = Field(default=None, gt=0, description="processes and threads at once")

    def over(self, other: Self) -> Self:
        """Return these limits, and those of `other` where these are None."""
        return type(self)(**(other.model_dump(exclude_none=True) | self.model_dump(exclude_none=True)))


class ProcessLimits(ProgramLimits):
    """The limits of a program, and one that the kernel has for each of its processes."""

    address_space_bytes: int | None = Field(
        default=None, gt=0, description="of each process, which gets no memory beyond it and goes on; None: no limit"
    )


class CheckerKind(StrEnum):
    """How a program's output is compared with the expected output.

    exact: byte for byte. lines: without white space at the ends of lines and blank lines at the end. tokens: by words.
    float: by words, and numbers may differ by the tolerance. icpc: by words, as the default validator of problem
    packages does with these `args`. program: a program of the sender's judges.
    """

    EXACT = "exact"
    LINES = "lines"
    TOKENS = "tokens"
    FLOAT = "float"
    ICPC = "icpc"
    PROGRAM = "program"


#: The tolerance of the kind `float`, if a checker names none.
DEFAULT_TOLERANCE: Final = 1e-6


#: The keys of a request that may hold a program of the sender's which judges.
JudgeName: TypeAlias = Literal["checker", "interactor"]


class JudgeProtocol(StrEnum):
    """How a judge is called, and what its exit code means: as by Kattis and the ICPC, or as testlib has it."""

    KATTIS = "kattis"
    TESTLIB = "testlib"


class _Sources(_Strict):
    """A program: its files, and how they are compiled."""

    language: str
    files: tuple[ProgramFile, ...] = Field(min_length=1, max_length=MAX_FILES)
    entry: str | None = Field(
        default=None, description="the path that is compiled or run; None: that of the first file"
    )
    compiler_args: tuple[str, ...] = Field(default=(), description="options of the compiler, of those in `GET /list`")
    build: str | None = Field(
        default=None, description="the path of a program that is run first, as a compiler is; for interpreted languages"
    )

    _options_fit = field_validator("compiler_args")(check_args)

    @model_validator(mode="after")
    def _files_fit_together(self) -> Self:
        paths = [file.path for file in self.files]
        for position, fault in source_paths.faults_of(paths):
            raise ValueError(f"files.{position}: {fault}")
        for name, path in (("entry", self.entry), ("build", self.build)):
            if path is not None and path not in paths:
                raise ValueError(f"`{name}` is not the path of a file.")
        if not self.entry_file.data():
            raise ValueError("The file that is run is empty.")
        return self

    @property
    def entry_file(self) -> ProgramFile:
        return next((file for file in self.files if file.path == self.entry), self.files[0])


class JudgeProgram(_Sources):
    """A program that judges: a checker, which reads the output, or an interactor, which talks with the program."""

    protocol: JudgeProtocol = JudgeProtocol.KATTIS
    args: tuple[str, ...] = Field(default=(), description="of every test, after the protocol's own")
    limits: ProgramLimits = Field(
        default=ProgramLimits(), description="None: the language's own; of memory the operator's most; 8 MiB of output"
    )

    _args_fit = field_validator("args")(check_args)


class Checker(_Strict):
    kind: CheckerKind = CheckerKind.LINES
    args: tuple[str, ...] = Field(default=(), description="of the kind `icpc`")
    program: JudgeProgram | None = Field(default=None, description="of the kind `program`")
    tolerance: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False, description="None: 1e-6")
    nul_is_blank: bool = Field(default=False, description="for the kind `lines`: NUL counts as white space")

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        for name, value, kind in (
            ("tolerance", self.tolerance, CheckerKind.FLOAT),
            ("args", self.args or None, CheckerKind.ICPC),
            ("program", self.program, CheckerKind.PROGRAM),
        ):
            if value is not None and self.kind is not kind:
                raise ValueError(f"`{name}` goes with the kind `{kind}` only.")
        if self.kind is CheckerKind.PROGRAM and self.program is None:
            raise ValueError("The kind `program` needs a `program`.")
        icpc_args.parse_args(self.args)
        return self


def _check_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return `environment`. Raises `ValueError` if a program cannot be started with it."""
    if not all(_VARIABLE.fullmatch(name) for name in environment):
        raise ValueError("The name of a variable has other characters than letters, digits and `_`.")
    if any("\0" in value for value in environment.values()):
        raise ValueError("The value of a variable contains a NUL.")
    size = sum(len(name) + len(value.encode()) for name, value in environment.items())
    if len(environment) > MAX_VARIABLES or size > MAX_VARIABLES_BYTES:
        raise ValueError(f"There are more than {MAX_VARIABLES} variables, or over {MAX_VARIABLES_BYTES} bytes of them.")
    return environment


class ProgramTest(_Strict):
    """One run of the program. `expected_output` None: its output is not compared."""

    stdin: str = Field(default="", repr=False)
    args: tuple[str, ...] = ()
    expected_output: str | None = Field(default=None, repr=False)
    points: float = Field(default=1, ge=0, allow_inf_nan=False, description="the most that a judge may give")
    hidden: bool = Field(
        default=False, description="the author of the program is told nothing that may name the answer"
    )
    encoding: Encoding = Field(default=Encoding.UTF_8, description="of `stdin` and `expected_output`")
    limits: ProcessLimits = ProcessLimits()
    checker_args: tuple[str, ...] = Field(
        default=(), description="of the judges for this test, after their own; of the kind `icpc` in place of its own"
    )
    files: tuple[ProgramFile, ...] = Field(
        default=(), max_length=MAX_FILES, description="stand in the program's folder when it starts"
    )

    stdin_sha256: str | None = Field(default=None, pattern=SHA256, description="in place of `stdin`: its digest")
    expected_sha256: str | None = Field(
        default=None, pattern=SHA256, description="in place of `expected_output`: its digest"
    )
    #: The bytes that the digests name, once they are read.
    _data: tuple[bytes, bytes | None] | None = PrivateAttr(default=None)

    _args_fit = field_validator("args", "checker_args")(check_args)

    @property
    def digests(self) -> list[str]:
        return [digest for digest in (self.stdin_sha256, self.expected_sha256) if digest]

    def with_data(self, stdin: bytes, expected: bytes | None) -> Self:
        """Return the test with these bytes in place of its texts and digests."""
        test = self.model_copy()
        test._data = (stdin, expected)
        return test

    @model_validator(mode="after")
    def _is_encoded(self) -> Self:
        self.input()
        self.expected()
        return self

    def input(self) -> bytes:
        """Return the bytes of the standard input."""
        if self._data:
            return self._data[0]
        return bytes_of(self.stdin, self.encoding, "stdin")

    def expected(self) -> bytes | None:
        """Return the bytes of the expected output; None if there is none."""
        text = self.expected_output
        if self._data:
            return self._data[1]
        return None if text is None else bytes_of(text, self.encoding, "expected_output")


class ProgramRequest(_Sources):
    """Body of `POST /run`: a program, and 1 to 100 runs of it."""

    data_files: tuple[str, ...] = Field(
        default=(), description="paths of files that are never compiled, whatever their names are"
    )
    environment: dict[str, str] = Field(
        default={}, description="variables of the compiler and the program, in addition to the usual ones or over them"
    )
    main_class: str | None = Field(
        default=None,
        pattern=r"^[^\x00]{1,1024}$",
        description="of a Java program, whose source then keeps its name; None: the engine finds it in the source",
    )
    compile_limits: ProgramLimits = Field(
        default=ProgramLimits(), description="of the compiler; one above the operator's is lowered to that"
    )
    limits: ProcessLimits = ProcessLimits()
    interpreter_args: tuple[str, ...] = Field(
        default=(), description="words between the interpreter and the program; not of a compiled program, but of Java"
    )
    checker: Checker = Checker()
    interactor: JudgeProgram | None = Field(default=None, description="a judge that talks with the program")
    tests: tuple[ProgramTest, ...] = Field(default=(ProgramTest(),), min_length=1, max_length=MAX_TESTS)
    repeat: int = Field(default=1, ge=1, description="how often the tests are run; each run has a number of its own")
    stop_at_first_failure: bool = False
    merge_output: bool = Field(default=False, description="standard error goes where standard output goes")
    stack_bytes: int | None = Field(default=None, gt=0, description="of the first thread; None: 256 MiB, the most")
    file_bytes: int | None = Field(
        default=None, gt=0, description="of each file that the program writes; None: as much as all of its files"
    )
    artifacts: bool = Field(
        default=False, description="return the files that the program wrote to its folder `out`; for a single run"
    )
    fetch: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_FETCHED,
        description="return the files at these paths in the program's folder, or below `/tmp/`; for a single run",
    )
    of_problem: bool = Field(
        default=False,
        description="scores come as judges wrote them, outputs may be as long as judges read, and inputs as bodies are",
    )
    passes: int = Field(
        default=1, ge=1, le=MAX_PASSES, description="above 1: how often a test may be run, if its judge asks for more"
    )
    output_order: bool = Field(
        default=False, description="keep the compiler's standard error apart, and report in which order all output came"
    )

    live_output: bool = Field(default=False, description="tell what the program writes while it runs; for a single run")

    _environment_fits = field_validator("environment")(_check_environment)
    _words_fit = field_validator("interpreter_args")(check_args)

    @field_validator("fetch")
    @classmethod
    def _are_in_the_box(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if fault := source_paths.fault_of(path.removeprefix("/tmp/")):  # noqa: S108
                raise ValueError(fault)
        return paths

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        if len(self.tests) * self.repeat > MAX_TESTS:
            raise ValueError(f"With `repeat`, there are more than {MAX_TESTS} tests.")
        if self.artifacts and self.fetch:
            raise ValueError("`artifacts` and `fetch` do not go together.")
        for name in ("artifacts", "fetch", "live_output"):
            if getattr(self, name) and len(self.runs) > 1:
                raise ValueError(f"`{name}` goes with a single run only.")
        for words in [(*self.interpreter_args, *test.args, *self.fetch) for test in self.tests]:
            if sum(len(word.encode()) for word in words) > MAX_ARGS_BYTES:  # they go to a box in one packet
                raise ValueError(f"`interpreter_args`, `args` and `fetch` have over {MAX_ARGS_BYTES} bytes together.")
        if self.checker.kind is CheckerKind.ICPC:
            for test in self.tests:
                icpc_args.parse_args(test.checker_args)
        checks_after = self.interactor and self.checker != Checker()
        protocols = {judge and judge.protocol for judge in (self.interactor, self.checker.program)}
        if checks_after and protocols != {JudgeProtocol.TESTLIB}:
            raise ValueError("`checker` goes with an interactor only if both are programs of the protocol `testlib`.")
        return self

    @property
    def judges(self) -> dict[JudgeName, JudgeProgram]:
        """The programs that judge, in the order in which they run."""
        programs: dict[JudgeName, JudgeProgram | None] = {
            "interactor": self.interactor,
            "checker": self.checker.program,
        }
        return {name: program for name, program in programs.items() if program}

    @property
    def digests(self) -> list[str]:
        """The data that the tests name by digest."""
        return [digest for test in self.tests for digest in test.digests]

    @property
    def runs(self) -> tuple[ProgramTest, ...]:
        """The tests, repeated as often as they are run."""
        return self.tests * self.repeat


def is_allowed(option: str, allowed: Iterable[str]) -> bool:
    """Return True if a program may set this option of the compiler. `allowed` is `SupportedLanguage.compiler_args`.

    A `*` stands for an ending of one character or more that does not begin with `@`: GCC's driver passes `-D@x` on to
    the compiler as two words, and the compiler would read more options from the file `x`.
    """
    return any(_fits(option, pattern[:-1]) if pattern.endswith("*") else option == pattern for pattern in allowed)


def _fits(option: str, beginning: str) -> bool:
    ending = option.removeprefix(beginning)
    return option.startswith(beginning) and ending != "" and not ending.startswith("@")


def is_file_of(program: ProgramRequest | JudgeProgram, option: str) -> bool:
    """Return True if this word of `compiler_args` is the path of a file, and no compiler takes it for anything else."""
    return not option.startswith(("-", "@")) and any(file.path == option for file in program.files)


def limits_in_effect(asked: ProgramLimits, bounds: Mapping[str, LimitBounds]) -> ProgramLimits:
    """Return all five limits of a program, from those that were asked for and the operator's bounds (`GET /list`).

    A higher limit of CPU time without one of elapsed time raises the default of the latter by twice the difference.
    """
    defaults = {name: bound.default for name, bound in bounds.items()}
    wanted = defaults | asked.model_dump(exclude_none=True)
    for name, bound in bounds.items():
        if bound.factor != 1 and getattr(asked, name) is not None:
            wanted[name] = min(wanted[name] * bound.factor, bound.max)
    if asked.wall_s is None:
        more = max(0.0, wanted["cpu_s"] - defaults["cpu_s"])
        wanted["wall_s"] = min(defaults["wall_s"] + 2 * more, bounds["wall_s"].max)
    return ProgramLimits(
        cpu_s=float(wanted["cpu_s"]),
        wall_s=float(wanted["wall_s"]),
        memory_bytes=max(int(wanted["memory_bytes"]), LEAST_MEMORY_BYTES),
        output_bytes=int(wanted["output_bytes"]),
        processes=int(wanted["processes"]),
    )


#: What a judge may write in all, unless its limits say otherwise, and what they may say, unless the operator does. The
#: operator's bound is at least as high as the first.
JUDGE_OUTPUT_BYTES: Final = 8 << 20
MAX_JUDGE_OUTPUT_BYTES: Final = 64 << 20


def judge_limits_in_effect(asked: ProgramLimits, bounds: Mapping[str, LimitBounds]) -> ProgramLimits:
    """Return all five limits of a judge, as `limits_in_effect` does: it may have all of the memory."""
    own = ProgramLimits(memory_bytes=int(bounds["memory_bytes"].max), output_bytes=JUDGE_OUTPUT_BYTES)
    return limits_in_effect(asked.over(own), bounds)


#: The most turns of the two outputs that an engine reports.
MOST_TURNS: Final = 8192


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
    Field(max_length=MOST_TURNS, description="characters of standard output and of standard error, by turns"),
]


def in_order(stdout: str, stderr: str, order: Iterable[int]) -> str:
    """Return both outputs in the order in which they came. Output that `order` does not cover comes last."""
    texts, positions, pieces = (stdout, stderr), [0, 0], []
    for turn, length in enumerate(order):
        which = turn % 2
        pieces.append(texts[which][positions[which] : positions[which] + length])
        positions[which] += length
    return "".join((*pieces, stdout[positions[0] :], stderr[positions[1] :]))


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


class Missing(_Event):
    """The engine lacks tests' data, which `PUT /test-data/{sha256}` brings. Nothing is run, and `Finished` follows."""

    event: Literal["missing"] = "missing"
    digests: list[Annotated[str, Field(pattern=SHA256)]]


class JudgeFailed(_Event):
    """A judge cannot run, so no test has a verdict. Only `Finished` follows."""

    event: Literal["judge_failed"] = "judge_failed"
    judge: JudgeName
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


class Said(_Strict):
    """A message to the program of a conversation: text for its standard input, or a signal."""

    stdin: str = Field(default="", repr=False)
    signal: int | None = Field(default=None, ge=1, le=64)


class Finished(_Event):
    """The last event of a program that ran to its end."""

    event: Literal["finished"] = "finished"


class Failed(_Event):
    """The last event if the engine's sandbox failed, or if the engine stops. The program is not at fault."""

    event: Literal["failed"] = "failed"
    error: str
    stopping: bool = False


#: An event of `POST /run`.
AnyEvent: TypeAlias = Started | Missing | Compiled | Output | JudgeFailed | TestEnded | Finished | Failed
_EVENT: Final[TypeAdapter[AnyEvent]] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])

#: An event of a conversation.
AnyConversationEvent: TypeAlias = StageBegan | Output | StageEnded | Finished | Failed
_CONVERSATION_EVENT: Final[TypeAdapter[AnyConversationEvent]] = TypeAdapter(
    Annotated[AnyConversationEvent, Field(discriminator="event")]
)


def parse_conversation_event(text: bytes | str) -> AnyConversationEvent:
    """Return the event in a message of a conversation. Raises `ValueError` if the message is not an event."""
    return _CONVERSATION_EVENT.validate_json(text)


def parse_event(line: bytes | str) -> AnyEvent:
    """Return the event of a line. Raises `ValueError` if the line is not an event."""
    return _EVENT.validate_json(line)
