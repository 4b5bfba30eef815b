"""Reads `problem.yaml` of Kattis packages, of both generations, and what DOMjudge adds to it. Pure."""

import re
import shlex
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from shared.common.text.strip_nul import strip_nul
from shared.engine_api.run_call.limits import MAX_ARGS_BYTES
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import Fields, number_of, read_fields
from shared.judging.packages.model import OperatorLimits, PackageLimits, ProblemType, TimeLimitRule
from shared.judging.packages.programs import language_of

CONFIG: Final = "problem.yaml"
_INI: Final = "domjudge-problem.ini"
_TIME_FILE: Final = ".timelimit"
_SHORT_FILE_BYTES: Final = 65536

#: Keys whose values are kept as they are.
_UNUSED: Final = ("uuid", "source", "license", "rights_owner", "keywords")
_UNUSED_LEGACY: Final = (*_UNUSED, "author", "source_url")
_UNUSED_NEW: Final = (*_UNUSED, "version", "credits", "embargo_until", "allow_file_writing")
_INI_IGNORED: Final = ("allow_submit", "allow_judge", "special_run", "special_compare")
_INI_KEYS: Final = ("name", "timelimit", "points", "color", "externalid", "short-name", "probid", *_INI_IGNORED)
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_STATEMENT: Final = re.compile(r"problem_statement/problem(?:\.([a-zA-Z-]+))?\.(?:tex|md)")
_TITLE: Final = re.compile(r"\\problemname\{((?:[^{}]|\{[^{}]*\})*)\}|%%\s*plainproblemname:([^\n]*)")
_MAX_PASSES: Final = 100
#: Characters of a constant, and of all. A text may have each of them many times.
_MAX_CONSTANT: Final = 1000
_CONSTANTS_CHARACTERS: Final = 65536
_MIB: Final = 1 << 20
#: The keys of `limits`: our names, the bytes or seconds of one, and how many there are if the package says nothing.
_LIMITS: Final = {
    "memory": ("memory_bytes", _MIB, 2048),
    "output": ("output_bytes", _MIB, 8),
    "code": ("source_bytes", 1024, 128),
    "compilation_time": ("compile_cpu_s", 1, 60),
    "compilation_memory": ("compile_memory_bytes", _MIB, 2048),
    "validation_time": ("judge_cpu_s", 1, 60),
    "validation_memory": ("judge_memory_bytes", _MIB, 2048),
    "validation_output": ("judge_output_bytes", _MIB, 8),
}


class Generation(Enum):
    """2023-07 has the metadata of 2025-09 and the test data of legacy."""

    LEGACY = 0
    KATTIS_2023_07 = 1
    KATTIS_2025_09 = 2


_GENERATIONS: Final = {
    "legacy": Generation.LEGACY,
    "legacy-icpc": Generation.LEGACY,
    "2023-07": Generation.KATTIS_2023_07,
    "2023-07-draft": Generation.KATTIS_2023_07,
    "2025-09": Generation.KATTIS_2025_09,
    "2025-09-draft": Generation.KATTIS_2025_09,
}


@dataclass
class ProblemConfig:
    """The contents of `problem.yaml`. `old_grading` are keys of legacy's `grading` older than `testdata.yaml`."""

    generation: Generation
    titles: dict[str, str] = field(default_factory=dict)
    is_scoring: bool = False
    is_interactive: bool = False
    is_multi_pass: bool = False
    wants_validator: bool | None = None
    has_custom_score: bool = False
    validator_flags: tuple[str, ...] = ()
    old_grading: dict[str, object] = field(default_factory=dict)
    languages: tuple[str, ...] | None = None
    constants: dict[str, str] = field(default_factory=dict)
    rule: TimeLimitRule = field(default_factory=lambda: TimeLimitRule(5, 2, must_separate=False))
    limits: PackageLimits | None = None

    @property
    def types(self) -> tuple[ProblemType, ...]:
        flags = {ProblemType.INTERACTIVE: self.is_interactive, ProblemType.MULTI_PASS: self.is_multi_pass}
        first = ProblemType.SCORING if self.is_scoring else ProblemType.PASS_FAIL
        return (first, *(kind for kind, is_set in flags.items() if is_set))


def default_limits(operator: OperatorLimits) -> dict[str, Any]:
    """Return the limits that a package does not name, lowered to what this service allows."""
    return {name: min(number * unit, getattr(operator, name)) for name, unit, number in _LIMITS.values()}


def split_flags(text: str) -> tuple[str, ...]:
    """Return the arguments in a text of legacy packages. Some quote them, as for a shell.

    A text that is much too long stays whole: splitting it takes time, and nothing takes the argument.
    """
    if len(text) > 2 * MAX_ARGS_BYTES:
        return (text,)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def read_config(archive: PackageArchive, operator: OperatorLimits, faults: FaultList) -> ProblemConfig:
    """Return what the package's metadata say."""
    fields = read_fields(archive, CONFIG, faults)
    version = fields.choice("problem_format_version", tuple(_GENERATIONS), "legacy")
    config = ProblemConfig(_GENERATIONS[version])
    ini = _read_ini(archive, faults)
    if config.generation is Generation.LEGACY:
        _read_legacy(fields, config, faults)
        if ini.get("name") and not config.titles:
            config.titles["en"] = ini["name"]
        config.titles = config.titles or _titles_of_statements(archive)
    else:
        _read_new(fields, config, faults)
    _read_limits(fields, config, operator, _time_limits(archive, ini, faults), faults)
    fields.finish(_UNUSED_LEGACY if config.generation is Generation.LEGACY else _UNUSED_NEW)
    return config


def _read_legacy(fields: Fields, config: ProblemConfig, faults: FaultList) -> None:
    for key in ("libraries", "languages", "validator_args"):
        if fields.take(key) is not None:
            faults.warn(CONFIG, f"`{key}` is not used.")
    _read_titles(fields, config)
    config.is_scoring = fields.choice("type", ("pass-fail", "scoring"), "pass-fail") == "scoring"
    first, *flags = fields.text("validation", "default").split() or ["default"]
    allowed = ("score", "interactive", "multi-pass") if first == "custom" else ()
    if first not in ("default", "custom") or not set(flags) <= set(allowed):
        fields.fault("validation", "is neither `default` nor `custom` with `score`, `interactive` or `multi-pass`.")
    config.wants_validator = first == "custom"
    config.is_interactive, config.is_multi_pass = "interactive" in flags, "multi-pass" in flags
    config.has_custom_score = "score" in flags
    if config.has_custom_score and not config.is_scoring:
        fields.fault("validation", "has `score`, but the problem is not of the type `scoring`.")
    config.validator_flags = fields.bounded("validator_flags", split_flags(fields.text("validator_flags")))
    grading = fields.inner("grading")
    if grading.choice("objective", ("max", "min"), "max") == "min":
        grading.fault("objective", "is `min`, which is not supported.")
    grading.take("show_test_data_groups")
    for key in ("on_reject", "accept_score", "reject_score", "range"):
        if key in grading:
            faults.warn(CONFIG, f"`grading.{key}` belongs into `data/testdata.yaml`.")
            config.old_grading[key] = grading.take(key)
    grading.finish()


def _read_titles(fields: Fields, config: ProblemConfig) -> None:
    """Read `name`: a text, or a map by language, which legacy packages have too."""
    if isinstance(fields.unread.get("name"), dict):
        names = fields.inner("name")
        config.titles = {language: names.text(language) for language in list(names.unread)}
    elif name := fields.text("name"):
        config.titles = {"en": name}


def _read_new(fields: Fields, config: ProblemConfig, faults: FaultList) -> None:
    _read_titles(fields, config)
    if not any(config.titles.values()):
        fields.fault("name", "is missing.")
    if not fields.unread.get("uuid"):
        # The reference accepts those of 2023-07 without one.
        note = faults.warn if config.generation is Generation.KATTIS_2023_07 else faults.add
        note(CONFIG, "`uuid` is missing.")
    types = tuple(" ".join(fields.words("type") or ("pass-fail",)).split())
    names = ("pass-fail", "scoring", "interactive", "multi-pass")
    if "submit-answer" in types:
        fields.fault("type", "has `submit-answer`, which is not supported.")
    elif unknown := set(types) - set(names):
        fields.fault("type", f"has an unknown value: {', '.join(sorted(unknown))}.")
    if len(set(types)) < len(types) or {"pass-fail", "scoring"} <= set(types):
        fields.fault("type", "has a value twice, or both `pass-fail` and `scoring`.")
    config.is_scoring, config.is_interactive = "scoring" in types, "interactive" in types
    config.is_multi_pass = "multi-pass" in types
    _read_languages(fields, config, faults)
    constants = fields.inner("constants")
    for name in list(constants.unread):
        forms = constants.inner(name) if isinstance(constants.unread[name], dict) else None
        values = {f"{name}.{form}": forms.text(form) for form in list(forms.unread)} if forms else {}
        config.constants |= values
        value = values.get(f"{name}.value") if forms else constants.text(name)
        if value is None or not all(_NAME.fullmatch(part) for key in (name, *values) for part in key.split(".")):
            constants.fault(name, "is not a constant: a name, and a value or a map with `value`.")
        else:
            config.constants |= {name: value, f"{name}.value": value}
    sizes = [len(value) for value in config.constants.values()]
    if max(sizes, default=0) > _MAX_CONSTANT or sum(sizes) > _CONSTANTS_CHARACTERS:
        most = f"{_MAX_CONSTANT} characters, or over {_CONSTANTS_CHARACTERS} in all"
        fields.fault("constants", f"has a value of over {most}.")
        config.constants = {}


def _read_languages(fields: Fields, config: ProblemConfig, faults: FaultList) -> None:
    words = fields.words("languages")
    if words is None or words == ("all",):
        return
    codes = {word: language_of(word) for word in words}
    for word, code in codes.items():
        if code is None:
            faults.warn(CONFIG, f"`languages` has {word!r}, which is no code of the format.")
    config.languages = tuple(dict.fromkeys(code for code in codes.values() if code))
    if not config.languages:
        fields.fault("languages", "has no language that is here.")


def _read_limits(
    fields: Fields, config: ProblemConfig, operator: OperatorLimits, times: dict[str, float], faults: FaultList
) -> None:
    """Read `limits`. What the package says and the operator does not allow is a fault."""
    limits = fields.inner("limits")
    bounds = default_limits(operator)
    for key, (name, unit, _) in _LIMITS.items():
        value, most = limits.number(key, above=True), getattr(operator, name)
        if value is not None and value * unit > most:
            limits.fault(key, f"is more than this service allows: {most / unit:g}.")
        elif value is not None:
            bounds[name] = type(most)(value * unit)
    seconds = limits.number("time_limit", above=True)
    if seconds is not None:
        times[CONFIG] = seconds
    if len(set(times.values())) > 1:
        faults.add(
            min(times), f"There are different time limits: {', '.join(f'{value:g}' for value in times.values())} s."
        )
    cpu_s = next(iter(times.values()), None)
    if cpu_s is not None and cpu_s > operator.cpu_s:
        faults.add(min(times), f"The time limit is more than this service allows: {operator.cpu_s:g} s.")
    passes = limits.number("validation_passes", minimum=2, whole=True) or 2
    if passes > _MAX_PASSES:
        limits.fault("validation_passes", f"is more than {_MAX_PASSES}.")
    if config.generation is Generation.LEGACY:
        multiplier = limits.number("time_multiplier", minimum=1) or 5
        margin = limits.number("time_safety_margin", minimum=1) or 2
        config.rule = TimeLimitRule(multiplier, margin, must_separate=False)
    else:
        multipliers = limits.inner("time_multipliers")
        config.rule = TimeLimitRule(
            multipliers.number("ac_to_time_limit", minimum=1) or 2.0,
            multipliers.number("time_limit_to_tle", minimum=1) or 1.5,
            limits.number("time_resolution", above=True) or 1.0,
        )
        multipliers.finish()
        steps = (seconds or 0) / config.rule.resolution
        if abs(steps - round(steps)) > 1e-6 * max(1, steps):
            limits.fault("time_limit", f"is not a multiple of the time resolution, {config.rule.resolution:g} s.")
    config.limits = PackageLimits(cpu_s=cpu_s, **bounds, passes=int(passes) if config.is_multi_pass else 1)
    limits.finish()


def _read_ini(archive: PackageArchive, faults: FaultList) -> dict[str, str]:
    text = archive.read(_INI, _SHORT_FILE_BYTES) if _INI in archive.files else None
    values: dict[str, str] = {}
    for line in strip_nul((text or b"").decode("utf-8-sig", "replace")).splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith((";", "#", "[")):
            continue
        if not equals or key not in _INI_KEYS or key in ("special_run", "special_compare"):
            faults.warn(_INI, f"`{key[:100]}` is not used.")
        values[key] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    return values


def _time_limits(archive: PackageArchive, ini: dict[str, str], faults: FaultList) -> dict[str, float]:
    """Return the time limits that DOMjudge's files say, by their paths."""
    texts = {_INI: ini["timelimit"]} if "timelimit" in ini else {}
    if _TIME_FILE in archive.files:
        texts[_TIME_FILE] = archive.beginning(_TIME_FILE, 100).decode(errors="replace").strip()
    times: dict[str, float] = {}
    for path, text in texts.items():
        seconds = number_of(text)
        if seconds is None or seconds <= 0:
            faults.add(path, "The time limit is not a number over 0.")
        else:
            times[path] = seconds
    return times


def _titles_of_statements(archive: PackageArchive) -> dict[str, str]:
    titles: dict[str, str] = {}
    for path in archive.below("problem_statement").values():
        if match := _STATEMENT.fullmatch(path):
            title = _TITLE.search(archive.beginning(path, _SHORT_FILE_BYTES).decode(errors="replace"))
            if title and (text := (title[1] or title[2] or "").strip()):
                titles[match[1] or "en"] = strip_nul(text)
    return titles
