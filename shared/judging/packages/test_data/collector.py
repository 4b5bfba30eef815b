"""Collects the tests and the samples of a package, as both generations have them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.judging.grading.scheme import Scheme
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import Fields, read_fields
from shared.judging.packages.model import DataTest, PackageBounds, PackageTest, Sample
from shared.judging.packages.problem_yaml import CONFIG, Generation, ProblemConfig
from shared.judging.packages.programs import excess_of
from shared.judging.packages.test_data.arguments import ArgumentChecks, Arguments

ROOT: Final = ""
SAMPLE: Final = "sample"
SECRET: Final = "secret"  # noqa: S105
#: Bytes of a file that is only for the statement.
_MAX_SHOWN: Final = 1 << 20


@dataclass(frozen=True)
class TestData:
    """The tests, groups and samples below `data/`."""

    tests: tuple[PackageTest, ...]
    scheme: Scheme
    samples: tuple[Sample, ...]
    data_tests: tuple[DataTest, ...]
    checker_args: tuple[str, ...]
    uses_grader: bool


class TestCollector:
    """Collects tests. Groups are named by their folders below `data/`; the root is ""."""

    def __init__(
        self,
        archive: PackageArchive,
        config: ProblemConfig,
        bounds: PackageBounds,
        faults: FaultList,
        *,
        has_checker: bool,
    ) -> None:
        """With `has_checker` a program judges the tests, and reads their arguments."""
        self.archive, self.config, self.bounds, self.faults = archive, config, bounds, faults
        self.has_checker = has_checker
        self._is_new = config.generation is Generation.KATTIS_2025_09
        self.checks = ArgumentChecks(faults, has_checker=has_checker, last_counts=not self._is_new)
        self.checker_args = self.checks.checked(config.validator_flags, CONFIG)
        self.tests: list[PackageTest] = []

    def fields(self, path: str) -> Fields:
        return read_fields(self.archive, path, self.faults, self.config.constants, may_repeat=not self._is_new)

    def names_in(self, folder: str) -> list[tuple[str, bool]]:
        """Return the names of the tests and the folders directly in a folder below `data/`, each with whether it is a
        test, in their order. A file without its partner is a fault.
        """
        names = self.archive.children(f"data/{folder}")
        files = {name for name in names if f"data/{folder}/{name}" in self.archive.files}
        stems = {
            ending: {name[: -len(ending)] for name in files if name.endswith(ending)} for ending in (".in", ".ans")
        }
        for ending, other in ((".in", ".ans"), (".ans", ".in")):
            for stem in stems[ending] - stems[other]:
                self.faults.add(f"data/{folder}/{stem}{ending}", f"There is no {stem}{other} beside it.")
        tests = [(name, True) for name in stems[".in"] & stems[".ans"]]
        return sorted(tests + [(name, False) for name in names if name not in files and not name.endswith(".files")])

    def add_test(
        self,
        folder: str,
        name: str,
        group: str,
        arguments: Arguments,
        files: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        """Add a test, and return its number."""
        if len(self.tests) == self.bounds.tests:
            raise self.faults.fail("data", f"There are more than {self.bounds.tests} tests.")
        path = f"data/{folder}/{name}"
        test = PackageTest(
            number=len(self.tests) + 1,
            name=f"{folder}/{name}",
            group=group,
            input=f"{path}.in",
            answer=f"{path}.ans",
            is_sample=folder.split("/")[0] == SAMPLE,
            args=arguments.args,
            files=dict(files),
            checker_args=self.checks.checked(arguments.checker_args, f"data/{folder}"),
            input_validator_args=arguments.validator_args,
        )
        self.checks.count_test(test)
        if excess := excess_of(self.archive, files.values(), self.bounds.checker_bytes):
            self.faults.add(f"{path}.files", excess)
        self.archive.check_test_file(test.input)
        self.archive.check_test_file(test.answer)
        self.tests.append(test)
        return test.number

    def check_groups(self, count: int) -> None:
        """Raise `PackageError` if there are too many groups below the root."""
        max_groups = self.bounds.tests + len((SAMPLE, SECRET))
        if count > max_groups:
            raise self.faults.fail("data", f"There are more than {max_groups} groups.")

    def _samples(self) -> tuple[Sample, ...]:
        files = self.archive.below(f"data/{SAMPLE}")
        hides_files = self.config.is_interactive or self.config.is_multi_pass
        tests = {test.name.removeprefix(f"{SAMPLE}/") for test in self.tests if test.is_sample}
        shown = {name.removesuffix(".interaction") for name in files if name.endswith(".interaction")} | tests

        def first(name: str, *endings: str) -> str | None:
            """Return the path of the first file that is short enough to be shown; tests have a bound of their own."""
            for path in (files[name + ending] for ending in endings if name + ending in files):
                if path.endswith((".in", ".ans")) or self.archive.files[path].size_bytes <= _MAX_SHOWN:
                    return path
                self.faults.warn(path, f"The file has over {_MAX_SHOWN} bytes, so it is not shown.")
            return None

        return tuple(
            Sample(
                f"{SAMPLE}/{name}",
                None if hides_files or name not in tests else first(name, ".in.statement", ".in"),
                None if hides_files or name not in tests else first(name, ".ans.statement", ".out", ".ans"),
                first(name, ".interaction"),
            )
            for name in sorted(shown)
        )

    def finish(self, scheme: Scheme, *, uses_grader: bool = False, data_tests: tuple[DataTest, ...] = ()) -> TestData:
        if not self.tests:
            self.faults.add("data", "There is no test.")
        elif all(test.is_sample for test in self.tests):
            self.faults.warn("data/secret", "There is no secret test.")
        return TestData(tuple(self.tests), scheme, self._samples(), data_tests, self.checker_args, uses_grader)
