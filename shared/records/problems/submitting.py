"""Describes a problem for answers, and says what a submission to it keeps. Pure.

The row in `uploads` is pinned: `problem_version` is the id of the version, whose manifest has all files. Its `spec` has

- `problem`: the version, such as `sum@3`, for people;
- `points`: the most that a run can earn, None without a bound;
- `limits`: those in effect for the language, so that later settings change nothing of it;
- `checker` and `interactor`: None, because the manifest has the judges;
- `unit_tests`: those in its language without the names of their files, which the manifest has.

Its `tests` have only what answers, mails and pages show of a test before it has ended: `stored_tests`. The rest is in
the manifest, in the same order.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.engine_api.codex import LimitBounds
from shared.engine_api.program import LimitsSpec, TestSpec, UnitTestsSpec
from shared.engine_api.run_call.request import CheckerKind
from shared.judging.grading.scheme import Policy, Scheme
from shared.judging.packages.model import Package, PackageJudge, PackageUnitTests
from shared.records.problems.versions import ProblemVersion

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
        TestSpec(
            name=test.name,
            hidden=not test.is_sample,
            points=points[test.number] if package.scheme.is_scoring else 0.0,
            group=test.group,
        ).stored()
        for test in package.tests
    ]


def summary_of(package: Package) -> dict[str, Any]:
    """Return what answers say of a package, without samples and tests. Values of JSON."""
    limits, scheme = package.limits, package.scheme
    samples = sum(test.is_sample for test in package.tests)
    return {
        "title": package.title,
        "titles": dict(package.titles),
        "format": package.format,
        "type": list(package.types),
        "languages": None if package.languages is None else list(package.languages),
        "limits": {name: getattr(limits, name) for name in ("cpu_s", "memory_bytes", "output_bytes", "source_bytes")},
        "judge_limits": limits.of_judges,
        "checker": _checker_of(package),
        "interactor": package.interactor and _judge_of(package.interactor, package),
        "tests": {"sample": samples, "secret": len(package.tests) - samples},
        "groups": _groups_of(scheme),
        "points": scheme.points if scheme.is_scoring else 1.0,
        "attachments": [
            {"name": path.removeprefix("attachments/"), "size_bytes": package.files[path].size_bytes}
            for path in package.attachments
        ],
        "warnings": [{"path": warning.path, "detail": warning.detail} for warning in package.warnings],
    }


def _checker_of(package: Package) -> dict[str, Any] | None:
    if package.unit_tests:
        return None
    if package.checker is not None:
        return {"kind": CheckerKind.PROGRAM, **_judge_of(package.checker, package)}
    return None if package.interactor else {"kind": CheckerKind.ICPC, "args": list(package.checker_args)}


def _judge_of(judge: PackageJudge, package: Package) -> dict[str, Any]:
    """Return a judge as it comes back in answers. Its arguments are those that all tests have."""
    program = judge.program
    args = {test.checker_args for test in package.tests}
    return {
        "protocol": judge.protocol,
        "language": program.language,
        "entry": program.entry,
        "files": [{"path": name, "size_bytes": package.files[path].size_bytes} for name, path in program.files.items()],
        "args": list(args.pop()) if len(args) == 1 else [],
        "compiler_args": [],
        "limits": {"wall_s": None, "processes": None, **package.limits.of_judges},
    }


def _groups_of(scheme: Scheme) -> list[dict[str, Any]]:
    """Return the groups that people see, in the order in which they are judged, with the tests of their descendants."""
    parents = {group.name: group.parent for group in scheme.groups}
    counts = Counter[str]()
    for test in scheme.tests:
        name: str | None = test.group
        while name:
            counts[name] += 1
            name = parents.get(name)
    return [
        {
            "name": group.name,
            "parent": group.parent or None,
            "policy": group.policy if scheme.is_scoring else Policy.ALL,
            "points": group.points,
            "requires": list(group.requires),
            "tests": counts[group.name],
        }
        for group in scheme.listed
    ]


def time_limit_source(version: ProblemVersion) -> str:
    """Return where the limit of CPU time comes from."""
    if (version.settings.get("limits") or {}).get("cpu_s") is not None:
        return "settings"
    if version.summary["limits"]["cpu_s"] is not None:
        return "package"
    return "default" if version.derived_cpu_s is None else "check"


def problem_bounds(bounds: Mapping[str, LimitBounds], max_judged_output_bytes: int) -> dict[str, LimitBounds]:
    """Return the operator's bounds of programs in problems, whose output may be longer than what is kept of it."""
    output = bounds["output_bytes"].model_copy(update={"max": max_judged_output_bytes})
    return {**bounds, "output_bytes": output}


def limits_of(version: ProblemVersion, bounds: Mapping[str, LimitBounds]) -> dict[str, float | int]:
    """Return the limits of a program in a problem, whatever its language. `bounds` are `problem_bounds`."""
    return _within(_general(version, bounds), bounds)


def limits_for(
    version: ProblemVersion, codes: Sequence[str], bounds: Mapping[str, LimitBounds], factors: Mapping[str, float]
) -> dict[str, float | int]:
    """Return the limits of a program in a language. `codes` are that of the language, and of what it is a variant of.

    `factors` are the operator's for times (`PRECIEUX_LANGUAGE_TIME_FACTORS`).
    """
    factor, limits = time_factor(version, codes, factors), limits_of_language(version, codes) or {}
    general = _general(version, bounds)
    scaled = {name: limit * factor if name.endswith("_s") else limit for name, limit in general.items()}
    return _within({**scaled, **limits}, bounds)


def limits_of_language(version: ProblemVersion, codes: Sequence[str]) -> dict[str, Any] | None:
    """Return the limits that the settings name for a language; None if they do not name the language."""
    named = version.settings.get("language_limits") or {}
    return next((_set(named[code]) for code in codes if code in named), None)


def unit_tests_for(tests: Mapping[str, PackageUnitTests], codes: Sequence[str]) -> UnitTestsSpec | None:
    """Return the unit tests of a problem for a program, as its row has them; None if the problem has no such tests."""
    code = next((code for code in codes if code in tests), None)
    if code is None:
        return None
    keys = {name: getattr(tests[code], name) for name in ("framework", "module", "visibility", "total_cpu_s")}
    limits = LimitsSpec.model_validate(tests[code].limits.asked())
    return UnitTestsSpec(language=code, entry="", limits=limits, **keys)


def time_factor(version: ProblemVersion, codes: Sequence[str], factors: Mapping[str, float]) -> float:
    """Return the operator's factor for the times of programs in a language; 1 if the settings name the language."""
    if limits_of_language(version, codes) is not None:
        return 1.0
    return next((factors[code] for code in codes if code in factors), 1.0)


def _general(version: ProblemVersion, bounds: Mapping[str, LimitBounds]) -> dict[str, Any]:
    package = version.summary["limits"]
    return {
        "cpu_s": package["cpu_s"] or version.derived_cpu_s or bounds["cpu_s"].default,
        **{name: package[name] for name in ("memory_bytes", "output_bytes")},
        **_set(version.settings.get("limits")),
    }


def _set(limits: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: limit for name, limit in (limits or {}).items() if limit is not None}


def _within(limits: Mapping[str, Any], bounds: Mapping[str, LimitBounds]) -> dict[str, float | int]:
    """Return the limits within the operator's bounds. The elapsed time is by default twice that of the CPU, and 2 s."""
    wanted = {"wall_s": 2 * limits["cpu_s"] + 2, **limits}
    within = {name: min(wanted[name], bounds[name].max) for name in LIMITS}
    return {name: float(limit) if name.endswith("_s") else int(limit) for name, limit in within.items()}
