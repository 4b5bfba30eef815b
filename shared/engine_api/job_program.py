"""Reads what a run of a submission needs, and writes the engine's request for it. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from pydantic_core import to_json

from shared.common.text import source_paths
from shared.engine_api.codex import LimitBounds
from shared.engine_api.languages import check_lang
from shared.engine_api.run_call.limits import ProgramLimits, limits_in_effect
from shared.engine_api.run_call.request import Checker, CheckerKind, Encoding

#: The optional fields that the engine's request copies from the submission's `spec`.
_AS_STORED: Final = (
    *("build", "compile_limits", "data_files", "environment", "file_bytes", "merge_output", "repeat", "stack_bytes"),
)
#: The file name of a classic submission whose own name is no path.
_STEM: Final = "main"


@dataclass(frozen=True, slots=True)
class Case:
    """One run of the program. `fields` are those of the engine's request.

    `limits` are those in effect; None if the engine does not report any.
    """

    fields: Mapping[str, Any]
    name: str = ""
    hidden: bool = False
    points: float | None = 0.0
    limits: ProgramLimits | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class JobProgram:
    """A run of a submission. `has_tests` is False if its only case is the submission's own input, perhaps repeated.

    `object_key` is where its files are, unless its row holds them. `sha256` is that of these bytes; None for the
    original system's rows. `checker` compares its output, unless `judges` has a program that does: they are stored
    beside its files, by their names. `as_stored` are further fields of the engine's request.
    """

    language: str
    entry: str
    object_key: str
    sha256: str | None
    cases: tuple[Case, ...]
    has_tests: bool
    compiler_args: list[str]
    limits: Mapping[str, Any]
    checker: Checker
    stop_at_first_failure: bool
    is_one_file: bool
    is_archive: bool
    as_stored: Mapping[str, Any] = field(default_factory=dict)
    wants_artifacts: bool = False
    wants_live_output: bool = False
    judges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: The version of a problem, with the codes of the language and of what it is a variant of.
    problem_version: int | None = None
    codes: tuple[str, ...] = ()
    #: True for a check of the problem: no test is left out because another one failed.
    runs_all: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, Any], submission: Mapping[str, Any]) -> Self:
        """Return the program of a claimed job: `fields` are the submission's columns, `submission` the job's text."""
        spec, override = fields["spec"] or {}, fields["override"] or {}
        language = check_lang(submission["language"]) or submission["language"]
        object_key = fields["object_key"] or f"{fields['id']}.{language}"
        limits = {**(spec.get("limits") or {}), **(override.get("limits") or {})}
        tests, bounds = fields["tests"], fields.get("bounds")
        judges = judges_of(spec)
        cases = map(_case_of_test, tests) if tests else [_only_case(fields, submission)] * spec.get("repeat", 1)
        return cls(
            language=language,
            entry=_entry(fields["filename"], language),
            object_key=object_key,
            sha256=fields["sha256"],
            cases=tuple(replace(case, limits=case_limits(limits, case.fields["limits"], bounds)) for case in cases),
            has_tests=bool(tests),
            compiler_args=spec.get("compiler_args") or [],
            limits=_set(limits),
            checker=Checker()
            if "checker" in judges
            else Checker.model_validate_json(to_json(spec.get("checker") or {})),
            stop_at_first_failure=bool(spec.get("stop_at_first_failure")),
            is_one_file=len(fields["files"] or [None]) == 1,
            is_archive=fields["spec"] is not None and object_key.endswith(".zip"),
            as_stored={name: spec[name] for name in _AS_STORED if name in spec},
            wants_artifacts=bool(spec.get("artifacts")),
            wants_live_output=bool(spec.get("live_output")),
            judges=judges,
            problem_version=fields.get("problem_version"),
            runs_all=bool(spec.get("runs_all")),
            codes=tuple(filter(None, (language, fields.get("variant_of")))),
        )

    @classmethod
    def classic(cls, filename: str | None, submission: Mapping[str, Any]) -> Self:
        """Return the program of a classic job, whose text is `submission`: one file, run with its own input."""
        unset = ("spec", "override", "object_key", "sha256", "files", "tests", "expected_output")
        return cls.of({"id": 0, "filename": filename, **dict.fromkeys(unset)}, submission)

    @property
    def beyond_codex(self) -> list[str]:
        """Return what the program has that the CodeX call cannot do, in words."""
        only = self.cases[0].fields
        has = {
            "several files": not self.is_one_file,
            "tests": self.has_tests,
            "a judge": bool(self.judges),
            "arguments": bool(only["args"]),
            "options of the compiler": bool(self.compiler_args),
            "limits": bool(self.limits),
            "other options": bool(self.as_stored),
        }
        return [what for what, is_so in has.items() if is_so]

    @property
    def is_interactive(self) -> bool:
        return "interactor" in self.judges

    @property
    def silence_s(self) -> float:
        """The most seconds that a test takes by the known limits of the program and of its judges."""
        seconds = max((case.limits.wall_s or 0.0 for case in self.cases if case.limits), default=0.0)
        # After the program, an interactor has as long once more.
        return (2 if self.is_interactive else 1) * seconds + sum(
            elapsed(judge["limits"]) for judge in self.judges.values()
        )

    def request(self, files: Mapping[str, bytes], judges: Mapping[str, Mapping[str, bytes]] | None = None) -> bytes:
        """Return the body of `POST /run`. Only of a single run comes back what a program writes to `out/`, and what it
        writes while it runs.

        `judges` are the files of each judge.
        """
        wants = {"artifacts": self.wants_artifacts, "live_output": self.wants_live_output}
        is_single = not self.has_tests and len(self.cases) == 1
        return to_json(
            {
                "language": self.language,
                "files": [file_of(path, data) for path, data in files.items()],
                "entry": self.entry,
                "compiler_args": self.compiler_args,
                "limits": self.limits,
                "checker": self.checker,
                **{name: _judge(name, self.judges[name], of_judge) for name, of_judge in (judges or {}).items()},
                "tests": [self._test(case) for case in (self.cases if self.has_tests else self.cases[:1])],
                "stop_at_first_failure": self.stop_at_first_failure,
                **self.as_stored,
                **{name: True for name, is_wanted in wants.items() if is_wanted and is_single},
            }
        )

    def _test(self, case: Case) -> Mapping[str, Any]:
        # Only a judge needs the further fields, which an engine of the previous release does not know.
        of_judge = {"points": case.points, "hidden": case.hidden}
        return {**case.fields, **of_judge} if self.judges and self.has_tests else case.fields


def judges_of(spec: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the programs that judge a submission, by their keys in its `spec`."""
    checker, interactor = spec.get("checker") or {}, spec.get("interactor")
    found = {"checker": checker if checker.get("kind") == CheckerKind.PROGRAM else None, "interactor": interactor}
    return {name: judge for name, judge in found.items() if judge}


def _judge(name: str, stored: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return a judge as the engine's request has it."""
    names = ("protocol", "language", "entry", "compiler_args", "args", "build")
    program = {
        **{name: stored[name] for name in names if name in stored},
        "limits": _set(stored["limits"]),
        "files": [file_of(path, data) for path, data in files.items()],
    }
    return {"kind": CheckerKind.PROGRAM, "program": program} if name == "checker" else program


def elapsed(limits: Mapping[str, Any]) -> float:
    """Return the most seconds that a judge takes by the limits that it asks for."""
    asked = ProgramLimits(**limits)
    return asked.wall_s or 2 * (asked.cpu_s or 0.0)


def case_limits(
    of_program: Mapping[str, Any], of_case: Mapping[str, Any], bounds: Mapping[str, Mapping[str, Any]] | None
) -> ProgramLimits | None:
    """Return the limits in effect of a run; None if they are not known. `bounds` are those of the language."""
    if bounds is None or not bounds.keys() >= ProgramLimits.model_fields.keys():
        return None
    asked = ProgramLimits(**_set(of_program) | _set(of_case))
    return limits_in_effect(asked, {name: LimitBounds(**bound) for name, bound in bounds.items()})


def _entry(filename: str | None, language: str) -> str:
    return filename if filename and source_paths.fault_of(filename) is None else f"{_STEM}.{language}"


def _case_of_test(test: Mapping[str, Any]) -> Case:
    """Return the case of a stored test. Those of a problem have no fields: its manifest says where these are."""
    limits = _set(test.get("limits") or {})
    fields = {name: test[name] for name in ("stdin", "args", "expected_output") if name in test}
    return Case({**fields, "limits": limits}, test["name"], test["hidden"], test["points"], group=test.get("group"))


def _only_case(fields: Mapping[str, Any], submission: Mapping[str, Any]) -> Case:
    spec, override = fields["spec"] or {}, fields["override"] or {}
    own = {"stdin": submission["inputs"] or "", "args": spec.get("args") or []}
    used = own | {name: override[name] for name in own if override.get(name) is not None}
    # The expected output is that of the submission's own input.
    expected = fields["expected_output"] if used == own else None
    encoding = {"encoding": spec["encoding"]} if "encoding" in spec else {}
    return Case({**used, "expected_output": expected, **encoding, "limits": {}})


def _set(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit is not None}


def file_of(path: str, data: bytes) -> dict[str, str]:
    """Return a file as the engine's request has it."""
    try:
        return {"path": path, "content": data.decode(), "encoding": Encoding.UTF_8}
    except UnicodeDecodeError:
        return {"path": path, "content": b64encode(data).decode(), "encoding": Encoding.BASE64}
