"""Reads the folder `unit_tests` of a package, which it has in place of `data`: tests in each language. Pure."""

import re
from typing import Final

from shared.common.text.source_paths import faults_of
from shared.engine_api.run_call.limits import MAX_TESTS, ProgramLimits
from shared.engine_api.unit_tests import (
    FRAMEWORK_LANGUAGES,
    UnitTestFramework,
    UnitTestVisibility,
    find_test_files,
    is_module_name,
)
from shared.judging.grading.scheme import Fold, Group, Policy, Scheme
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import Fields, read_fields
from shared.judging.packages.model import PackageBounds, PackageUnitTests
from shared.judging.packages.programs import excess_of
from shared.judging.packages.test_data.collector import TestData
from shared.judging.packages.test_files import faults_of_test_files

FOLDER: Final = "unit_tests"
#: CPU seconds of the program and of the tests' side for each test, if the package says nothing.
CPU_S: Final = 2.0
_TESTS_CPU_S: Final = 10.0
_SETTINGS: Final = f"{FOLDER}/settings.yaml"
#: What only test data needs.
_OTHERS: Final = ("data", "output_validator", "output_validators", "graders", "input_validators")
_LIMITS: Final = ("cpu_s", "wall_s", "memory_bytes", "output_bytes")
_ASSERTS: Final = re.compile(rb"assert|raises|fail|expect")
_NO_ASSERT: Final = "It has none of the words `assert`, `raises`, `fail` and `expect`, so its tests may demand nothing."
_CACHE: Final = "/__pycache__/"
_ROOT: Final = Group(name="", parent=None, policy=Policy.SUM, points=None, children=())
_SCHEME: Final = Scheme(fold=Fold.LEGACY, is_scoring=True, points=None, groups=(_ROOT,), tests=())
#: What a package has below `data` if it has unit tests: the engine lists its tests, and says what they earn.
NO_DATA: Final = TestData(tests=(), scheme=_SCHEME, samples=(), data_tests=(), checker_args=(), uses_grader=False)


def read_unit_tests(archive: PackageArchive, bounds: PackageBounds, faults: FaultList) -> dict[str, PackageUnitTests]:
    """Return the unit tests by the codes of their languages; empty if the package has no such folder."""
    if not archive.is_folder(FOLDER):
        return {}
    for folder in filter(archive.is_folder, _OTHERS):
        faults.add(folder, f"The folder does not go with `{FOLDER}`, which judges by itself; take one of them away.")
    codes = [name for name in archive.children(FOLDER) if archive.is_folder(f"{FOLDER}/{name}")]
    names = dict.fromkeys(FRAMEWORK_LANGUAGES.values())
    if unknown := set(codes) - set(names):
        faults.add(f"{FOLDER}/{min(unknown)}", f"The folder's name is none of the languages: {', '.join(names)}.")
    elif not codes:
        faults.add(FOLDER, f"There are no tests: a folder in it is named by its language, {', '.join(names)}.")
    fields = read_fields(archive, _SETTINGS, faults)
    inner = {code: fields.inner(code).unread for code in codes}
    return {
        code: _Reader(Fields({**fields.unread, **inner[code]}, _SETTINGS, faults), archive, bounds, faults, code).read()
        for code in codes
        if code in names
    }


class _Reader:
    """Reads the tests in one language. `fields` are the settings for it."""

    def __init__(
        self, fields: Fields, archive: PackageArchive, bounds: PackageBounds, faults: FaultList, code: str
    ) -> None:
        self._fields, self._archive, self._bounds, self._faults, self._code = fields, archive, bounds, faults, code
        self._folder = f"{FOLDER}/{code}"

    def read(self) -> PackageUnitTests:
        fields, max_seconds = self._fields, MAX_TESTS * self._bounds.operator.cpu_s
        frameworks = [name for name, code in FRAMEWORK_LANGUAGES.items() if code == self._code]
        framework = UnitTestFramework(fields.choice("framework", frameworks, frameworks[0]))
        visible = UnitTestVisibility.VISIBLE
        visibility = UnitTestVisibility(fields.choice("visibility", [*UnitTestVisibility], visible))
        total_cpu_s = fields.number("total_cpu_s", above=True)
        if total_cpu_s and total_cpu_s > max_seconds:
            fields.fault("total_cpu_s", f"is more than this service allows: {max_seconds:g}.")
        paths = self._paths()
        files = {path: self._archive.beginning(source, self._bounds.checker_bytes) for path, source in paths.items()}
        for path, detail in faults_of_test_files(framework, files):
            self._faults.add(f"{self._folder}/{path}".rstrip("/"), detail)
        for path in find_test_files(framework, [*files]):
            if not _ASSERTS.search(files[path]):
                self._faults.warn(f"{self._folder}/{path}", _NO_ASSERT)
        tests = PackageUnitTests(framework, self._module(), visibility, total_cpu_s, self._limits(), paths)
        fields.finish()
        return tests

    def _module(self) -> str | None:
        module = self._fields.text("module") or None
        if module and self._code == "java":
            self._fields.fault("module", "names nothing in Java; leave it out.")
        elif module and self._code == "py" and not is_module_name(module):
            self._fields.fault("module", "is not a name that can be imported, such as `student`.")
        return module

    def _limits(self) -> ProgramLimits:
        operator, fields = self._bounds.operator, self._fields.inner("limits")
        limits: dict[str, float] = {"cpu_s": min(_TESTS_CPU_S, operator.judge_cpu_s)}
        for name in _LIMITS:
            value = fields.number(name, above=True, whole=name.endswith("_bytes"))
            max_seconds = getattr(operator, f"judge_{name}", None)
            if value is not None and max_seconds is not None and value > max_seconds:
                fields.fault(name, f"is more than this service allows: {max_seconds:g}.")
            elif value is not None:
                limits[name] = value
        fields.finish()
        return ProgramLimits.model_validate(limits, strict=False)

    def _paths(self) -> dict[str, str]:
        """Return the tests and what they need, without what interpreters leave behind."""
        paths = {name: path for name, path in self._archive.below(self._folder).items() if _CACHE not in path}
        for position, detail in faults_of([*paths]):
            self._faults.add([*paths.values()][position], detail)
        if excess := excess_of(self._archive, paths.values(), self._bounds.checker_bytes):
            raise self._faults.fail(self._folder, excess)
        return paths
