"""Reads what a run of a submission needs, and writes the engine's request for it. Pure."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from shared.common.text import source_paths
from shared.engine_api.codex import LimitBounds
from shared.engine_api.languages import check_lang
from shared.engine_api.program import Override, Program, TestSpec, file_of
from shared.engine_api.run_call.limits import ProgramLimits, limits_in_effect

#: Bounds of a program's limits, by the names of the limits. A foreign engine reports none.
Bounds: TypeAlias = Mapping[str, LimitBounds]
BOUNDS: Final = TypeAdapter[Bounds | None](dict[str, LimitBounds] | None)
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


@dataclass(frozen=True, slots=True)
class JobProgram:
    """A run of a program. `has_tests` is False if its only case is the submission's own input, perhaps repeated.

    Of unit tests, the engine says which there are. Then the only case has the limits of each.

    `codes` are those of its language, and of the language of which that is a variant.
    """

    language: str
    entry: str
    options: Program
    cases: tuple[Case, ...] = ()
    has_tests: bool = True
    codes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        language: str,
        entry: str,
        options: Program,
        *,
        tests: Sequence[TestSpec] | None = None,
        stdin: str = "",
        expected_output: str | None = None,
        bounds: Bounds | None = None,
        variant_of: str | None = None,
    ) -> Self:
        """Return the run of a program with these tests, or else with this input. `bounds` are those of the language."""
        if tests and not options.unit_tests:
            cases = [_case_of(test, case_limits(options.limits, test.limits, bounds)) for test in tests]
        else:
            fields = {"stdin": stdin, "args": options.args, "expected_output": expected_output}
            only = Case({**fields, "encoding": options.encoding}, limits=case_limits(options.limits, None, bounds))
            cases = [only] * options.repeat
        codes = (language, variant_of) if variant_of else (language,)
        return cls(language, entry, options, tuple(cases), bool(tests or options.unit_tests), codes)

    def beyond_codex(self, files: Sized) -> list[str]:
        """Return what the program with these files has that the CodeX call cannot do, in words."""
        options = self.options
        has = {
            "several files": len(files) > 1,
            "tests": self.has_tests,
            "a judge": bool(options.judges),
            "arguments": bool(self.cases[0].fields["args"]),
            "options of the compiler": bool(options.compiler_args),
            "limits": bool(options.limits.asked()),
            "other options": options.has_rare_options,
        }
        return [what for what, is_so in has.items() if is_so]

    @property
    def is_interactive(self) -> bool:
        return self.options.interactor is not None

    @property
    def silence_s(self) -> float:
        """The most seconds that a test takes by the known limits of the program and of its judges."""
        seconds = max((case.limits.wall_s or 0.0 for case in self.cases if case.limits), default=0.0)
        # After the program, an interactor has as long once more; before unit tests, its start has.
        runs = 2 if self.is_interactive or self.options.unit_tests else 1
        return runs * seconds + sum(elapsed(judge.limits) for judge in self.options.judges.values())

    def request(self, files: Mapping[str, bytes], judges: Mapping[str, Mapping[str, bytes]] | None = None) -> bytes:
        """Return the body of `POST /run`. `judges` are the files of each judge."""
        cases = () if self.options.unit_tests else self.cases if self.has_tests else self.cases[:1]
        return to_json(
            {
                "language": self.language,
                "files": [file_of(path, data) for path, data in files.items()],
                "entry": self.entry,
                **({"tests": [self._test(case) for case in cases]} if cases else {}),
                **self.options.request(judges or {}, is_single=not self.has_tests and len(self.cases) == 1),
            }
        )

    def _test(self, case: Case) -> Mapping[str, Any]:
        # Only a judge needs the further fields.
        of_judge = {"points": case.points, "hidden": case.hidden}
        return {**case.fields, **of_judge} if self.options.judges and self.has_tests else case.fields


class ProgramRow(BaseModel):
    """The columns of a submission that a run needs, and the limits of its language."""

    id: int
    spec: Program | None = None
    filename: str | None = None
    object_key: str | None = None
    sha256: str | None = None
    expected_output: str | None = None
    tests: tuple[TestSpec, ...] | None = None
    override: Override | None = None
    problem_version: int | None = None
    variant_of: str | None = None
    bounds: dict[str, LimitBounds] | None = None

    @property
    def is_archive(self) -> bool:
        return self.spec is not None and (self.object_key or "").endswith(".zip")

    def key(self, language: str) -> str:
        """Return the key of the files of a program in this language, unless the row holds them."""
        return self.object_key or f"{self.id}.{language}"

    def program(self, language: str, stdin: str) -> JobProgram:
        """Return the run of the row, whose language and input its job has."""
        spec, override = self.spec or Program(), self.override or Override()
        language, options = check_lang(language) or language, spec.overridden(override)
        used = stdin if override.stdin is None else override.stdin
        # The expected output is that of the submission's own input.
        is_own = (used, options.args, options.encoding) == (stdin, spec.args, spec.encoding)
        return JobProgram.of(
            language,
            _entry(self.filename, language),
            options,
            tests=self.tests,
            stdin=used,
            expected_output=self.expected_output if is_own else None,
            bounds=self.bounds,
            variant_of=self.variant_of,
        )


def elapsed(limits: ProgramLimits) -> float:
    """Return the most seconds that a judge takes by the limits that it asks for."""
    return limits.wall_s or 2 * (limits.cpu_s or 0.0)


def case_limits(
    of_program: ProgramLimits, of_case: ProgramLimits | None, bounds: Bounds | None
) -> ProgramLimits | None:
    """Return the limits in effect of a run; None if they are not known. `bounds` are those of the language."""
    if bounds is None or not bounds.keys() >= ProgramLimits.model_fields.keys():
        return None
    return limits_in_effect(of_case.over(of_program) if of_case else of_program, bounds)


def _entry(filename: str | None, language: str) -> str:
    return filename if filename and source_paths.fault_of(filename) is None else f"{_STEM}.{language}"


def _case_of(test: TestSpec, limits: ProgramLimits | None) -> Case:
    fields = {"stdin": test.stdin, "args": test.args, "expected_output": test.expected_output}
    return Case({**fields, "limits": test.limits.asked()}, test.name, test.hidden, test.points, limits)
