"""The operator's bounds on packages."""

from typing import Final

from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from api_service.settings import ApiSettings
from shared.engine.codex import LimitBounds
from shared.engine.run_call import MAX_JUDGE_OUTPUT_BYTES, MAX_TEST_BYTES
from shared.packages.model import OperatorLimits, PackageBounds
from shared.problems.submitting import problem_bounds

#: The most files of a package, and the most tests of a problem.
MAX_PACKAGE_FILES: Final = 10_000
MAX_PROBLEM_TESTS: Final = 1000


def limit_bounds(catalog: LanguageCatalog) -> dict[str, LimitBounds]:
    """Return the bounds of programs in problems.

    Raises `ApiError` (503) if the engine has not reported its limits yet, or is another one, which knows no tests.
    """
    if not catalog.bounds:
        raise ApiError(
            Kind.UNAVAILABLE, "The engine has not reported its limits yet, which problems need; try again in a minute."
        )
    return problem_bounds(catalog.bounds)


def package_bounds(settings: ApiSettings, catalog: LanguageCatalog) -> PackageBounds:
    """Return what a package may hold and ask for. Raises `ApiError` as `limit_bounds` does."""
    bounds = limit_bounds(catalog)
    cpu_s, memory_bytes = float(bounds["cpu_s"].max), int(bounds["memory_bytes"].max)
    return PackageBounds(
        bytes=settings.max_problem_bytes,
        files=MAX_PACKAGE_FILES,
        tests=MAX_PROBLEM_TESTS,
        test_bytes=MAX_TEST_BYTES,
        checker_bytes=settings.max_checker_bytes,
        operator=OperatorLimits(
            cpu_s=cpu_s,
            memory_bytes=memory_bytes,
            output_bytes=MAX_JUDGE_OUTPUT_BYTES,
            source_bytes=settings.max_source_bytes,
            compile_cpu_s=cpu_s,
            compile_memory_bytes=memory_bytes,
            judge_cpu_s=cpu_s,
            judge_memory_bytes=memory_bytes,
            judge_output_bytes=MAX_JUDGE_OUTPUT_BYTES,
        ),
        languages=frozenset(catalog.codes),
    )
