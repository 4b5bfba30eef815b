"""How a submission names its problem, and what of the problem it keeps. Pure.

The row in `uploads` is pinned: `problem_version` is the id of the version, whose manifest has all files. Its `spec` has

- `problem`: the version, such as `sum@3`, for people;
- `points`: the most that a run can earn, None without a bound;
- `limits`: those in effect for the language, so that later settings change nothing of it;
- `checker` and `interactor`: None, because the manifest has the judges.

Its `tests` have only what answers, mails and pages show of a test before it has ended: `stored_tests`. The rest is in
the manifest, in the same order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.engine.codex import LimitBounds
from shared.engine.run_call import MAX_JUDGE_OUTPUT_BYTES
from shared.packages.model import Package
from shared.problems.versions import ProblemVersion

#: The limits that a problem has. The number of processes is that of the language.
LIMITS: Final = ("cpu_s", "wall_s", "memory_bytes", "output_bytes")


def reference(text: str) -> tuple[str, int | None] | None:
    """Return the name and the version that `sum` or `sum@3` names; None if it is neither."""
    name, at, number = text.partition("@")
    if not at:
        return name, None
    # A version is an integer of the database.
    return (name, int(number)) if number.isascii() and number.isdigit() and int(number[:10]) < 1 << 31 else None


def stored_tests(package: Package) -> list[dict[str, Any]]:
    """Return the tests as a submission keeps them."""
    points = {test.number: test.points for test in package.scheme.tests}
    return [
        {
            "name": test.name,
            "hidden": not test.is_sample,
            "points": points[test.number] if package.scheme.is_scoring else 0.0,
            "group": test.group,
        }
        for test in package.tests
    ]


def points_of(package: Package) -> float | None:
    """Return the most that a run can earn; None without a bound."""
    return package.scheme.points if package.scheme.is_scoring else 1.0


def time_limit_source(version: ProblemVersion) -> str:
    """Return where the limit of CPU time comes from."""
    if (version.settings.get("limits") or {}).get("cpu_s") is not None:
        return "settings"
    if version.package.limits.cpu_s is not None:
        return "package"
    return "default" if version.derived_cpu_s is None else "check"


def limits_of(version: ProblemVersion, bounds: Mapping[str, LimitBounds]) -> dict[str, float | int]:
    """Return the limits of a program in a problem, whatever its language. `bounds` are the operator's."""
    package, own = version.package.limits, _set(version.settings.get("limits"))
    cpu_s = own.get("cpu_s") or package.cpu_s or version.derived_cpu_s or bounds["cpu_s"].default
    return _bounded(
        {"memory_bytes": package.memory_bytes, "output_bytes": package.output_bytes, **own, "cpu_s": cpu_s}, bounds
    )


def limits_for(
    version: ProblemVersion,
    codes: Sequence[str],
    bounds: Mapping[str, LimitBounds],
    factors: Mapping[str, float],
) -> dict[str, float | int]:
    """Return the limits of a program in a language. `codes` are that of the language, and of what it is a variant of.

    `factors` are the operator's for times (`PRECIEUX_LANGUAGE_TIME_FACTORS`).
    """
    named: Mapping[str, Any] = version.settings.get("language_limits") or {}
    general = limits_of(version, bounds)
    for code in codes:
        if own := _set(named.get(code)):
            if "cpu_s" in own and "wall_s" not in (version.settings.get("limits") or {}):
                del general["wall_s"]
            return _bounded({**general, **own}, bounds)
    factor = next((factors[code] for code in codes if code in factors), 1.0)
    return _bounded({**general, **{name: general[name] * factor for name in ("cpu_s", "wall_s")}}, bounds)


def _set(limits: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: limit for name, limit in (limits or {}).items() if limit is not None}


def _bounded(limits: Mapping[str, Any], bounds: Mapping[str, LimitBounds]) -> dict[str, float | int]:
    """Return the limits within the operator's bounds. The elapsed time is by default twice that of the CPU, and 2 s."""
    wanted = {"wall_s": 2 * limits["cpu_s"] + 2, **limits}
    most = {name: bound.max for name, bound in bounds.items()} | {"output_bytes": MAX_JUDGE_OUTPUT_BYTES}
    within = {name: min(wanted[name], most[name]) for name in LIMITS}
    return {name: limit if name.endswith("_s") else int(limit) for name, limit in within.items()}
