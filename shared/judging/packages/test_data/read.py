"""Reads the tests, groups and samples below `data/` of Kattis packages, of both generations. Pure."""

from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.model import PackageBounds
from shared.judging.packages.problem_yaml import Generation, ProblemConfig
from shared.judging.packages.test_data.collector import TestCollector, TestData
from shared.judging.packages.test_data.kattis_2025_09 import Kattis2025Reader
from shared.judging.packages.test_data.legacy import LegacyReader


def read_test_data(
    archive: PackageArchive, config: ProblemConfig, bounds: PackageBounds, faults: FaultList, *, has_checker: bool
) -> TestData:
    """Return the tests and how they are graded. `has_checker`: a program judges them, and reads their arguments."""
    tests = TestCollector(archive, config, bounds, faults, has_checker)
    is_new = config.generation is Generation.KATTIS_2025_09
    return Kattis2025Reader(tests).read() if is_new else LegacyReader(tests).read()
