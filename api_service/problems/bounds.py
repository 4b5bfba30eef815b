"""The operator's bounds on packages."""

from typing import Final

from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import LanguageCatalog
from api_service.settings import ApiSettings
from shared.engine_api.codex import LimitBounds
from shared.judging.packages.model import OperatorLimits, PackageBounds
from shared.records.problems.submitting import problem_bounds

MAX_PACKAGE_FILES: Final = 10_000


def limit_bounds(settings: ApiSettings, catalog: LanguageCatalog) -> dict[str, LimitBounds]:
    """Return the bounds of programs in problems.

    Raises `ApiError` (503) if the engine has not reported its limits yet, or is another one, which knows no tests.
    """
    if not catalog.bounds:
        raise ApiError(
            Kind.UNAVAILABLE, "The engine has not reported its limits yet, which problems need; try again in a minute."
        )
    return problem_bounds(catalog.bounds, settings.max_judged_output_bytes)


def package_bounds(settings: ApiSettings, catalog: LanguageCatalog) -> PackageBounds:
    """Return what a package may hold and ask for. Raises `ApiError` as `limit_bounds` does."""
    bounds = limit_bounds(settings, catalog)
    cpu_s, memory_bytes = float(bounds["cpu_s"].max), int(bounds["memory_bytes"].max)
    return PackageBounds(
        bytes=settings.max_problem_bytes,
        files=MAX_PACKAGE_FILES,
        tests=settings.max_problem_tests,
        test_bytes=settings.max_test_bytes,
        checker_bytes=settings.max_checker_bytes,
        operator=OperatorLimits(
            cpu_s=cpu_s,
            memory_bytes=memory_bytes,
            output_bytes=settings.max_judged_output_bytes,
            source_bytes=settings.max_source_bytes,
            compile_cpu_s=cpu_s,
            compile_memory_bytes=memory_bytes,
            judge_cpu_s=cpu_s,
            judge_memory_bytes=memory_bytes,
            judge_output_bytes=settings.max_judged_output_bytes,
        ),
        languages=frozenset(catalog.codes),
    )
