"""Describes a problem package of any format. Pure.

A package refers to its files by their paths in it, and `Package.files` says which entries of the archive they are. The
contents of tests are not in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from shared.engine_api.run_call.limits import ProgramLimits
from shared.engine_api.run_call.request import JudgeProtocol
from shared.engine_api.unit_tests import UnitTestFramework, UnitTestVisibility
from shared.judging.grading.scheme import Scheme


class PackageFormat(StrEnum):
    LEGACY = "legacy"
    KATTIS_2025_09 = "2025-09"
    POLYGON = "polygon"


class ProblemType(StrEnum):
    PASS_FAIL = "pass-fail"  # noqa: S105
    SCORING = "scoring"
    INTERACTIVE = "interactive"
    MULTI_PASS = "multi-pass"  # noqa: S105


#: The code of the scripts `build` and `run`: their folder has no other language.
SCRIPTS: Final = "dash"

#: The key of `Package.includes` for the files that every language gets.
EVERY_LANGUAGE: Final = ""

#: The key of `PackageTest.input_validator_args` for the validators that it does not name.
EVERY_VALIDATOR: Final = ""


_MAX_TITLES: Final = 50
_MAX_TITLE: Final = 200


def usable_titles(titles: Mapping[str, str], name: str) -> dict[str, str]:
    """Return titles of one line that are not too long; the package's name if there are none."""
    lines = {language[:20]: " ".join(title.split())[:_MAX_TITLE] for language, title in titles.items()}
    return dict([item for item in lines.items() if item[1]][:_MAX_TITLES]) or {"en": name}


@dataclass(frozen=True)
class ArchiveFile:
    """A file of the archive, by the name of its entry. A link has the entry of the file that it leads to."""

    entry: str
    size_bytes: int
    digest: str = field(repr=False)
    has_cr: bool = False


@dataclass(frozen=True)
class PackageProgram:
    """A program in a package. `files` are their paths in the package, by those in the program's folder.

    `name` is its path in the package. `language` is a code of ours; "" if the program cannot run here, and `fault` says
    why. With `build` the program is a folder of scripts: `build` runs first, as a compiler does, and `entry` is `run`,
    which may not exist before.
    """

    name: str
    language: str
    files: Mapping[str, str]
    entry: str
    build: str | None = None
    fault: str = ""

    @property
    def is_scripts(self) -> bool:
        """True if `entry` is the script or the binary `run` of the program's folder."""
        return self.language == SCRIPTS and self.entry == "run"


@dataclass(frozen=True)
class PackageJudge:
    """A checker or an interactor that is a program. Each test has its arguments (`PackageTest.checker_args`)."""

    program: PackageProgram
    protocol: JudgeProtocol = JudgeProtocol.KATTIS


@dataclass(frozen=True)
class PackageTest:
    """`number` counts from 1 in the order in which the tests are run. `input` and `answer` are paths in the package.

    `files` are copied into the program's folder before it starts: paths in the package, by those in that folder.
    `checker_args` are those of the checker or the interactor; without a program, those of the checker `icpc`.
    """

    number: int
    name: str
    group: str
    input: str
    answer: str
    is_sample: bool
    args: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    checker_args: tuple[str, ...] = ()
    input_validator_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def args_for(self, validator: str) -> tuple[str, ...]:
        """Return the arguments of an input validator, by the name of its file or folder."""
        args = self.input_validator_args.get(validator)
        return self.input_validator_args.get(EVERY_VALIDATOR, ()) if args is None else args


@dataclass(frozen=True)
class PackageUnitTests:
    """Unit tests in one language. `files` are paths in the package, by those in the folder of the tests."""

    framework: UnitTestFramework
    module: str | None
    visibility: UnitTestVisibility
    total_cpu_s: float | None
    limits: ProgramLimits
    files: Mapping[str, str]


class DataKind(StrEnum):
    """What a check proves of a test that no submission runs on."""

    INVALID_INPUT = "invalid_input"
    INVALID_OUTPUT = "invalid_output"
    VALID_OUTPUT = "valid_output"


@dataclass(frozen=True)
class DataTest:
    """A test of the validators. `test.answer` and `output` are "" where the kind has none."""

    kind: DataKind
    test: PackageTest
    output: str = ""


@dataclass(frozen=True)
class Sample:
    """The parts of a sample that people are shown: paths in the package, or None."""

    name: str
    input: str | None
    answer: str | None
    interaction: str | None


class Letters(StrEnum):
    """A verdict as jury submissions name it."""

    AC = "AC"
    WA = "WA"
    TLE = "TLE"
    RTE = "RTE"
    CE = "CE"


#: What a test can get.
OF_TESTS: Final = frozenset({Letters.AC, Letters.WA, Letters.TLE, Letters.RTE})


@dataclass(frozen=True)
class TestExpectation:
    """The tests below `where` must all get one of `permitted`, and one of them must get one of `required`.

    `where` is a glob over the names of tests and groups; "" stands for all. `score` bounds the points of what `where`
    names. `message` is a part of some message of a judge. With `or_all_accepted` they may all be accepted instead.
    """

    __test__ = False  # pytest would take it for a test

    where: str = ""
    permitted: frozenset[Letters] = OF_TESTS
    required: frozenset[Letters] = OF_TESTS
    score: tuple[float, float] | None = None
    message: str = ""
    or_all_accepted: bool = False
    bounds_from_below: bool = False
    bounds_from_above: bool = False


@dataclass(frozen=True)
class RunExpectation:
    """The result that a whole run must get: one of `verdicts`, or exactly `score` points.

    With `partial` it must get less than the most points.
    """

    verdicts: frozenset[Letters] = frozenset()
    score: float | None = None
    partial: bool = False
    bounds_from_below: bool = False
    bounds_from_above: bool = False


@dataclass(frozen=True)
class JurySubmission:
    """A submission of the package. `path` is its path in the package.

    Either `run` or `tests` says what it must get. With neither it is not run, and `not_run` says why.
    """

    path: str
    program: PackageProgram
    run: RunExpectation | None = None
    tests: tuple[TestExpectation, ...] = ()
    not_run: str = ""

    @property
    def bounds_from_below(self) -> bool:
        """True if the time limit must be above what (some of) its tests take."""
        return any(part.bounds_from_below for part in (*self.tests, self.run) if part)

    @property
    def bounds_from_above(self) -> bool:
        """True if the time limit must be below what (some of) its tests take."""
        return any(part.bounds_from_above for part in (*self.tests, self.run) if part)

    @property
    def expected(self) -> list[str]:
        """The letters that it may get, for people."""
        if self.run:
            letters = self.run.verdicts
        else:
            letters = frozenset(OF_TESTS if self.tests else ())
            for expectation in self.tests:
                if not expectation.where:
                    letters &= expectation.permitted
                    letters = (letters & expectation.required) or letters
        return [letter for letter in Letters if letter in letters]


@dataclass(frozen=True, kw_only=True)
class _Limits:
    memory_bytes: int
    output_bytes: int
    source_bytes: int
    compile_cpu_s: float
    compile_memory_bytes: int
    judge_cpu_s: float
    judge_memory_bytes: int
    judge_output_bytes: int

    @property
    def of_judges(self) -> dict[str, float | int]:
        """The limits of the programs that judge, by the names that all limits have."""
        return {name: getattr(self, f"judge_{name}") for name in ("cpu_s", "memory_bytes", "output_bytes")}


@dataclass(frozen=True, kw_only=True)
class PackageLimits(_Limits):
    """The limits that a package has. `cpu_s` None: it names none."""

    cpu_s: float | None
    passes: int = 1


@dataclass(frozen=True)
class TimeLimitRule:
    """How a check derives the time limit (docs/judging.md).

    The limit is a multiple of `resolution`, at least `from_accepted` times the slowest accepted test. It is
    `from_too_slow` times below the fastest too slow one; if not `must_separate`, that is only a warning.
    """

    from_accepted: float
    from_too_slow: float
    resolution: float = 1.0
    must_separate: bool = True


@dataclass(frozen=True)
class Package:
    """A problem package. `checker_args` are those of the default checker for tests that have none of their own.

    `grader` is the custom grader of legacy packages. `constants` replace `{{name}}` in programs and includes
    (`shared.judging.packages.fields.replace_constants`). `unit_tests` are by the codes of their languages; a package
    that has them has no `tests`, and its `includes` are files that they share with the program.
    """

    format: PackageFormat
    name: str
    titles: Mapping[str, str]
    types: tuple[ProblemType, ...]
    languages: tuple[str, ...] | None
    limits: PackageLimits
    time_limit_rule: TimeLimitRule
    checker: PackageJudge | None
    interactor: PackageJudge | None
    grader: PackageProgram | None
    tests: tuple[PackageTest, ...]
    scheme: Scheme
    samples: tuple[Sample, ...]
    attachments: tuple[str, ...]
    includes: Mapping[str, Mapping[str, str]]
    submissions: tuple[JurySubmission, ...]
    input_validators: tuple[PackageProgram, ...]
    data_tests: tuple[DataTest, ...]
    constants: Mapping[str, str]
    files: Mapping[str, ArchiveFile] = field(repr=False)
    warnings: tuple["PackageFault", ...] = ()
    checker_args: tuple[str, ...] = ()
    unit_tests: Mapping[str, PackageUnitTests] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The title in English if there is one, else in the first language."""
        return self.titles.get("en") or next(iter(self.titles.values()), self.name)

    @property
    def judges(self) -> dict[str, PackageJudge]:
        """The programs that judge, by the keys of the engine's request."""
        named = {"checker": self.checker, "interactor": self.interactor}
        return {name: judge for name, judge in named.items() if judge}

    @property
    def talks(self) -> bool:
        """True if the program talks with a judge, in one pass or in several."""
        return not {ProblemType.INTERACTIVE, ProblemType.MULTI_PASS}.isdisjoint(self.types)

    @property
    def size_bytes(self) -> int:
        """The bytes of all files, unpacked."""
        return sum(file.size_bytes for file in self.files.values())


@dataclass(frozen=True)
class PackageFault:
    """A fault of a file in a package. `path` "" stands for the archive."""

    path: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class OperatorLimits(_Limits):
    """The most that this service allows. A package that asks for more is refused; others get no more."""

    cpu_s: float


@dataclass(frozen=True)
class PackageBounds:
    """The bounds on what a package may hold and ask for. `languages` are the codes that work here.

    `checker_bytes` are those of all files of one judge, of what one language includes, or of `X.files` of one test.
    """

    bytes: int
    files: int
    tests: int
    test_bytes: int
    checker_bytes: int
    operator: OperatorLimits
    languages: frozenset[str]
