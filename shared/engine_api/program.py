"""The program of a submission: what its row keeps of it, and what the engine's request has of it. Pure.

`Program` is column `spec`, and `TestSpec` an element of column `tests`. Rows have the keys that their writer sets. Keys
that a newer release has added are ignored.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.engine_api.run_call.limits import ProgramLimits
from shared.engine_api.run_call.request import (
    Checker,
    CheckerKind,
    Encoding,
    JudgeProgram,
    JudgeProtocol,
    ProgramRequest,
    UnitTests,
)
from shared.engine_api.unit_tests import UnitTestFramework, UnitTestVisibility


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, strict=False, extra="ignore")


class LimitsSpec(ProgramLimits, _Spec):
    """The limits that were asked for."""


class ComparisonSpec(Checker, _Spec):
    """How outputs are compared, if no program does."""


class FileSpec(_Spec):
    """A file that is stored elsewhere."""

    path: str
    size_bytes: int


class JudgeSpec(_Spec):
    """A program that judges. Its files are stored as an archive with this digest."""

    kind: CheckerKind = CheckerKind.PROGRAM
    protocol: JudgeProtocol = JudgeProtocol.KATTIS
    language: str
    entry: str
    files: tuple[FileSpec, ...] = ()
    args: tuple[str, ...] = ()
    compiler_args: tuple[str, ...] = ()
    limits: LimitsSpec
    build: str | None = None
    sha256: str | None = None

    def packed(self, sha256: str) -> Self:
        """Return the judge with the digest of its archive."""
        return self.model_copy(update={"sha256": sha256})

    def request(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """Return the judge as the engine's request has it."""
        keys = self.model_dump(include=_KEYS_OF_JUDGE, exclude_defaults=True)
        return {**keys, "files": [file_of(path, data) for path, data in files.items()]}


class UnitTestsSpec(JudgeSpec):
    """Unit tests. Their archive has `files` and `shared_files` in folders of these names."""

    framework: UnitTestFramework
    module: str | None = None
    visibility: UnitTestVisibility = UnitTestVisibility.VISIBLE
    total_cpu_s: float | None = None
    shared_files: tuple[FileSpec, ...] = ()

    def request(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """Return the unit tests as the engine's request has them."""
        keys = self.model_dump(include=UnitTests.model_fields.keys() - {"files", "shared_files"}, exclude_defaults=True)
        for path, data in files.items():
            folder, _, name = path.partition("/")
            keys.setdefault(folder, []).append(file_of(name, data))
        return keys


class TestSpec(_Spec):
    """A test. That of a problem has neither input nor limits: the problem's manifest says where they are."""

    __test__ = False  # pytest would take it for a test

    name: str
    stdin: str = ""
    args: tuple[str, ...] = ()
    expected_output: str | None = None
    limits: LimitsSpec = LimitsSpec()
    hidden: bool
    points: float | None
    group: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return the test as an element of column `tests`."""
        return self.model_dump(mode="json", exclude_unset=True)

    def shown(self, number: int) -> dict[str, Any]:
        """Return what answers show of the test before it has ended."""
        return {"number": number, **self.model_dump(include={"name", "hidden", "points", "group"})}


class Override(_Spec):
    """What a run has in place of its submission's own: column `override`. The input is never in base64."""

    stdin: str | None = None
    args: tuple[str, ...] | None = None
    limits: LimitsSpec = LimitsSpec()


class Program(_Spec):
    """How a program is compiled, run and judged, and how its result is told."""

    args: tuple[str, ...] = ()
    compiler_args: tuple[str, ...] = ()
    limits: LimitsSpec = LimitsSpec()
    #: None: a problem, an interactor or unit tests decide.
    checker: JudgeSpec | ComparisonSpec | None = None
    interactor: JudgeSpec | None = None
    unit_tests: UnitTestsSpec | None = None
    stop_at_first_failure: bool = False
    stop_after_time_limits: int | None = None
    locale: str = "en"
    receipt: bool = False
    artifacts: bool = False
    live_output: bool = False
    #: The version of a problem, such as `sum@3`, and the most that a run can earn; None without a bound.
    problem: str | None = None
    points: float | None = None
    #: True for a check of the problem: no test is left out because another one failed.
    runs_all: bool = False
    #: Of `stdin` and `expected_output`.
    encoding: Encoding = Encoding.UTF_8
    repeat: int = 1
    data_files: tuple[str, ...] = ()
    build: str | None = None
    merge_output: bool = False
    stack_bytes: int | None = None
    file_bytes: int | None = None
    # What the runner adds for a problem. It is not stored.
    compile_limits: LimitsSpec = LimitsSpec()
    of_problem: bool = False
    passes: int = 1

    @classmethod
    def of_column(cls, spec: str | None) -> Self:
        """Return the program of column `spec`, which a submission of the classic calls lacks."""
        return cls.model_validate_json(spec) if spec else cls()

    def stored(self) -> dict[str, Any]:
        """Return column `spec`: the keys that were set, and are not the default of a key that few submissions have."""
        kept = _ALWAYS if self.problem is None else _ALWAYS | {"points"}
        rare = type(self).model_fields.keys() - kept
        left_out: dict[str, Any] = {"interactor": {"kind"}, **{name: True for name in rare if not self._has(name)}}
        return self.model_dump(mode="json", exclude_unset=True, exclude=left_out)

    def _has(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    def overridden(self, override: Override) -> Self:
        """Return the program of a run that has this input, which is a text, and these arguments and limits."""
        args = self.args if override.args is None else override.args
        encoding = self.encoding if override.stdin is None else Encoding.UTF_8
        return self.model_copy(update={"args": args, "encoding": encoding, "limits": override.limits.over(self.limits)})

    @property
    def judges(self) -> dict[str, JudgeSpec]:
        """The programs that judge it, by their keys."""
        programs = {"checker": self.checker, "interactor": self.interactor, "unit_tests": self.unit_tests}
        return {name: judge for name, judge in programs.items() if isinstance(judge, JudgeSpec)}

    @property
    def comparison(self) -> Checker:
        return self.checker if isinstance(self.checker, ComparisonSpec) else Checker()

    @property
    def has_rare_options(self) -> bool:
        return any(map(self._has, _COPIED - _ALWAYS))

    def request(self, judges: Mapping[str, Mapping[str, bytes]], *, is_single: bool) -> dict[str, Any]:
        """Return what the engine's request has of it. `judges` are the files of those that judge, by their keys.

        Only of a single run comes back what a program writes to `out/`, and what it writes while it runs.
        """
        keys = {**self.model_dump(include=_COPIED, exclude_defaults=True), "checker": self.comparison}
        for name, files in judges.items():
            program = self.judges[name].request(files)
            keys[name] = {"kind": CheckerKind.PROGRAM, "program": program} if name == "checker" else program
        of_single = {"artifacts": self.artifacts, "live_output": self.live_output}
        return keys | {name: True for name, is_wanted in of_single.items() if is_wanted and is_single}


TESTS: Final = TypeAdapter(tuple[TestSpec, ...])
#: The keys that the engine's request has by the same names.
_COPIED: Final = (Program.model_fields.keys() & ProgramRequest.model_fields.keys()) - {
    *("checker", "interactor", "unit_tests", "artifacts", "live_output")
}
_KEYS_OF_JUDGE: Final = (JudgeSpec.model_fields.keys() & JudgeProgram.model_fields.keys()) - {"files"}
#: The keys that a row has even if they are the default.
_ALWAYS: Final = frozenset(
    {"args", "compiler_args", "limits", "checker", "stop_at_first_failure", "locale", "receipt", "runs_all"}
)


def file_specs(files: Mapping[str, bytes]) -> tuple[FileSpec, ...]:
    return tuple(FileSpec(path=path, size_bytes=len(data)) for path, data in files.items())


def file_of(path: str, data: bytes) -> dict[str, str]:
    """Return a file as the engine's request has it."""
    try:
        return {"path": path, "content": data.decode(), "encoding": Encoding.UTF_8}
    except UnicodeDecodeError:
        return {"path": path, "content": b64encode(data).decode(), "encoding": Encoding.BASE64}
