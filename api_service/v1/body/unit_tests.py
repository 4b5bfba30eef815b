"""Checks the unit tests of a submission (`unit_tests`), which judge it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from api_service.http.errors import Fault
from api_service.http.sentences import as_written
from api_service.languages.catalog import EngineLanguage
from api_service.v1.body.constraints import Constraints
from api_service.v1.body.judges import CheckedJudge
from api_service.v1.body.program import ProgramCheck, decoded, limit_faults, limits_of
from api_service.v1.body.submission import FileBody, SubmissionBody, UnitTestsBody
from shared.common.text import source_paths
from shared.engine_api.codex import LimitBounds
from shared.engine_api.languages import LANGUAGES
from shared.engine_api.program import LimitsSpec, UnitTestsSpec, file_specs
from shared.engine_api.run_call.limits import JUDGE_OUTPUT_BYTES, MAX_TESTS
from shared.engine_api.unit_tests import (
    FRAMEWORK_LANGUAGES,
    UnitTestFramework,
    is_module_name,
)
from shared.judging.packages.test_files import faults_of_test_files

#: By the code of a language, the path of tests that are sent as one text.
_NAMES: Final = {"py": "test_main.py", "java": "MainTest.java", "js": "main.test.mjs"}
#: The keys that a submission with unit tests must not have.
_EXCLUDED: Final = ["tests", "stdin", "args", "expected_output", "checker", "interactor", "problem", "live_output"]
#: CPU seconds of the program and of the tests' side, for each test.
_CPU_S: Final = 2.0
_TESTS_CPU_S: Final = 10.0
_OWN_COPY: Final = "This is also the file of the program that is run: the tests would import their own copy."


def unit_test_faults(body: SubmissionBody, program: ProgramCheck) -> Iterator[Fault]:
    """Yield the faults of unit tests beside the program and other keys of a submission."""
    for name in _EXCLUDED:
        if getattr(body, name) not in (None, False):
            yield Fault("It does not go with `unit_tests`.", pointer=f"/{name}")
    for number, file in enumerate((body.unit_tests and body.unit_tests.files) or ()):
        if program.files and file.path == program.entry:
            yield Fault(_OWN_COPY, pointer=f"/unit_tests/files/{number}/path")


def default_limits(limits: LimitsSpec, bounds: Mapping[str, LimitBounds], cpu_s: float = _CPU_S) -> LimitsSpec:
    """Return the limits, with CPU seconds if they have none: by default those of a program with unit tests."""
    return limits.over(LimitsSpec(cpu_s=min(cpu_s, bounds["cpu_s"].max) if "cpu_s" in bounds else cpu_s))


def framework_faults(framework: UnitTestFramework, language: EngineLanguage, pointer: str) -> Iterator[Fault]:
    """Yield the fault of a framework of a language that the server lacks."""
    details = language.details
    if details is None or framework in {test_framework.framework for test_framework in details.unit_tests}:
        return
    name = {"junit": "JUnit", "node": "The runner of tests"}.get(framework, f"`{framework}`")
    yield Fault(f"{name} is not installed on this server: `precieux doctor` says how to install it.", pointer=pointer)


def check_unit_tests(
    body: UnitTestsBody, left_out: frozenset[str], constraints: Constraints, language: EngineLanguage
) -> tuple[CheckedJudge | None, list[Fault]]:
    """Return the unit tests of a program in this language, or None and their faults."""
    check = _Check(body, left_out, constraints, language)
    faults = [Fault(detail, pointer=f"/unit_tests{pointer}") for pointer, detail in check.faults()]
    output = LimitBounds(default=JUDGE_OUTPUT_BYTES, max=constraints.settings.max_judged_output_bytes)
    faults += limit_faults(body.limits, {**check.bounds, "output_bytes": output}, "/unit_tests")
    return (None, faults) if faults or not check.files.get("files") else (check.checked(), [])


class _Check:
    def __init__(
        self, body: UnitTestsBody, left_out: frozenset[str], constraints: Constraints, language: EngineLanguage
    ) -> None:
        self._body, self._language = body, language
        self._left_out = left_out
        self._max_bytes = constraints.settings.max_checker_bytes
        self.bounds = constraints.bounds_of(language)
        self._code = next((code for code in language.codes if code in _NAMES), "")
        usual = next((name for name, code in FRAMEWORK_LANGUAGES.items() if code == self._code), "pytest")
        self._framework = UnitTestFramework(body.framework or usual)
        #: The files of the two keys, by their paths.
        self.files: dict[str, dict[str, bytes]] = {}

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield the pointer and the sentence of each fault."""
        module, total, cpu_s = self._body.module, self._body.total_cpu_s, self.bounds.get("cpu_s")
        yield from self._of_framework()
        yield from self._of_contents()
        yield from self._of_files("shared_files", self._body.shared_files or ())
        if module is not None and self._code == "java":
            yield "/module", "It names nothing in Java; leave it out."
        elif module is not None and self._code == "py" and not is_module_name(module):
            yield "/module", "It must be a name that can be imported, such as `student`."
        if total and cpu_s and total > MAX_TESTS * cpu_s.max:
            yield "/total_cpu_s", f"It must be at most {as_written(float(MAX_TESTS * cpu_s.max))}."

    def _of_framework(self) -> Iterator[tuple[str, str]]:
        framework, details = self._framework, self._language.details
        code = FRAMEWORK_LANGUAGES[framework]
        if not self._code:
            name = (details and details.name) or self._language.code
            yield "", f"Unit tests run in Python, Java and JavaScript. A program in {name} is judged by `tests`."
        elif code != self._code:
            of_tests, of_program = LANGUAGES[code].title, LANGUAGES[self._code].title
            yield "/framework", f"`{framework}` runs tests in {of_tests}, and the program is in {of_program}."
        else:
            yield from (("", fault.detail) for fault in framework_faults(framework, self._language, ""))

    def _of_contents(self) -> Iterator[tuple[str, str]]:
        source, files = self._body.source, self._body.files
        has_source, has_files = (
            value is not None or any(place.startswith(f"/unit_tests/{name}") for place in self._left_out)
            for name, value in (("source", source), ("files", files))
        )
        if has_source == has_files:
            yield "/files", "Give `source` or `files`, not both." if has_source else "`source` or `files` is needed."
        elif source is not None:
            if not source.strip():
                yield "/source", "It is empty; send the tests."
            path = _NAMES[self._code] if self._code else "tests"
            yield from self._of_files("files", [FileBody(path=path, content=source)], "/source")
        elif files is not None:
            yield from self._of_files("files", files)
            is_known = FRAMEWORK_LANGUAGES[self._framework] == self._code
            if is_known and not any(place.startswith("/unit_tests/files") for place in self._left_out):
                yield from self._of_test_files(self.files["files"])

    def _of_files(self, name: str, files: Sequence[FileBody], pointer: str = "") -> Iterator[tuple[str, str]]:
        contents, faults = decoded(files, name)
        yield from ((place, detail) for detail, place in faults)
        for number, detail in source_paths.faults_of([path for path, _ in contents]):
            yield f"/{name}/{number}/path", detail
        size = sum(len(data) for _, data in contents)
        if size > self._max_bytes:
            yield pointer or f"/{name}", f"They have {size} bytes; they may have {self._max_bytes}."
        self.files[name] = dict(contents)

    def _of_test_files(self, files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
        numbers = {path: number for number, path in enumerate(files)}
        for path, detail in faults_of_test_files(self._framework, files):
            yield f"/files/{numbers[path]}/content" if path else "/files", detail

    def checked(self) -> CheckedJudge:
        """Return unit tests without a fault."""
        specs = {name: file_specs(files) for name, files in self.files.items()}
        values = {
            **self._body.model_dump(include={"module", "visibility", "total_cpu_s"}, exclude_none=True),
            "language": self._language.code,
            "framework": self._framework,
            "entry": specs["files"][0].path,
            "limits": default_limits(limits_of(self._body.limits), self.bounds, _TESTS_CPU_S),
        }
        contents = {f"{name}/{path}": data for name, files in self.files.items() for path, data in files.items()}
        return CheckedJudge(UnitTestsSpec.model_validate({**values, **specs}), contents)
