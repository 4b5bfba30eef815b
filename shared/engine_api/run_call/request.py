"""The request of `POST /run`: the program, its tests and its judges."""

import base64
import binascii
import re
from enum import StrEnum
from typing import Final, Literal, Self, TypeAlias

from pydantic import Field, PrivateAttr, field_validator, model_validator

from shared.common.text import source_paths
from shared.engine_api import icpc_args
from shared.engine_api.run_call.limits import (
    MAX_ARGS_BYTES,
    MAX_FETCHED,
    MAX_FILES,
    MAX_PASSES,
    MAX_TESTS,
    MAX_VARIABLES,
    MAX_VARIABLES_BYTES,
    SHA256,
    ProcessLimits,
    ProgramLimits,
    StrictModel,
    check_args,
)
from shared.engine_api.unit_tests import UnitTestFramework, UnitTestVisibility, is_module_name

#: What `LanguageList.calls` contains if an engine has `POST /run`.
RUN_CALL: Final = "run"
#: What it contains beside that if an engine knows the keys of these names. An older engine refuses them.
RUN_KEYS: Final = ("address_space_bytes", "interpreter_args", "fetch", "live_output", "unit_tests")
_VARIABLE: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


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


class ProgramFile(StrictModel):
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


class _Sources(StrictModel):
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


class Checker(StrictModel):
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


class ProgramTest(StrictModel):
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
        """Return the bytes of the expected output; None if the output is not compared."""
        text = self.expected_output
        if self._data:
            return self._data[1]
        return None if text is None else bytes_of(text, self.encoding, "expected_output")


class UnitTests(StrictModel):
    """Tests that call the program, from a box of their own. `docs/engine.md` describes them.

    `limits` are those of the tests' box, for each test. The request's `limits` are those of the program's box, for each
    test. The tests and points that count are those of the event `collection`.
    """

    framework: UnitTestFramework
    files: tuple[ProgramFile, ...] = Field(
        min_length=1, max_length=MAX_FILES, description="the test files, and what they need; in the tests' box only"
    )
    module: str | None = Field(
        default=None, description="the name by which the tests import the entry; None: an only name that is unknown"
    )
    shared_files: tuple[ProgramFile, ...] = Field(
        default=(), max_length=MAX_FILES, description="laid over the program's own files, in its box only"
    )
    visibility: UnitTestVisibility = Field(
        default=UnitTestVisibility.VISIBLE, description="of tests that do not say theirs"
    )
    limits: ProgramLimits = Field(default=ProgramLimits(), description="None: the language's own")
    total_cpu_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="of the program's side in all; None: 10 times its `cpu_s`"
    )

    @field_validator("files", "shared_files")
    @classmethod
    def _paths_fit_together(cls, files: tuple[ProgramFile, ...]) -> tuple[ProgramFile, ...]:
        for position, fault in source_paths.faults_of([file.path for file in files]):
            raise ValueError(f"{position}: {fault}")
        return files

    @field_validator("module")
    @classmethod
    def _can_be_imported(cls, module: str | None) -> str | None:
        if module is not None and not is_module_name(module):
            raise ValueError("It must be a name that can be imported, such as `student`.")
        return module


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
    stop_after_time_limits: int | None = Field(
        default=None, ge=1, le=100, description="after so many tests with `time_limit` the others are not run"
    )
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
    unit_tests: UnitTests | None = Field(default=None, description="tests that call the program, in place of `tests`")

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
        if self.unit_tests and (self.interactor or self.checker != Checker() or self.tests != (ProgramTest(),)):
            raise ValueError("`unit_tests` do not go with `tests`, `checker` and `interactor`.")
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


def is_file_of(program: ProgramRequest | JudgeProgram, option: str) -> bool:
    """Return True if this word of `compiler_args` is the path of a file, and no compiler takes it for anything else."""
    return not option.startswith(("-", "@")) and any(file.path == option for file in program.files)


class ProgramMessage(StrictModel):
    """A message to the program of a conversation: text for its standard input, or a signal."""

    stdin: str = Field(default="", repr=False)
    signal: int | None = Field(default=None, ge=1, le=64)
