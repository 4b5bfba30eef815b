"""Reads the test data of legacy packages, and of 2023-07. Pure."""

import math
from dataclasses import dataclass, replace
from typing import Final

from shared.judging.grading.scheme import (
    GRADER_FLAGS,
    Fold,
    Group,
    Policy,
    Scheme,
    ScoredTest,
    ScoreRule,
    fold_scores,
    policy_of,
)
from shared.judging.packages.fields import Fields, number_of
from shared.judging.packages.model import EVERY_VALIDATOR, PackageTest
from shared.judging.packages.problem_yaml import Generation, split_flags
from shared.judging.packages.test_data.arguments import Arguments, bounded_names
from shared.judging.packages.test_data.collector import ROOT, SAMPLE, SECRET, TestCollector, TestData

LEGACY_CONFIG: Final = "testdata.yaml"
_SCORE_KEYS: Final = ("accept_score", "reject_score", "range")


@dataclass
class _Keys:
    """The settings of a group in `testdata.yaml`, as they are handed down."""

    breaks: bool = True
    is_custom: bool = False
    grader_flags: tuple[str, ...] = ()
    accept_score: float = 1
    reject_score: float = 0
    low: float | None = None
    high: float | None = None


class LegacyReader:
    """Every folder is a group, to any depth, and hands its keys down."""

    def __init__(self, tests: TestCollector) -> None:
        self._tests, self._config = tests, tests.config
        self._groups: dict[str, Group] = {}
        self._keys: dict[str, _Keys] = {}
        self._arguments: dict[str, Arguments] = {}

    def read(self) -> TestData:
        self._read_keys(ROOT, None)
        roots = [folder for folder in (SAMPLE, SECRET) if self._tests.archive.is_folder(f"data/{folder}")]
        self._add_group(ROOT, None, tuple(self._read_folder(folder, ROOT) for folder in roots))
        groups = sorted(self._groups.values(), key=lambda group: group.name.split("/"))
        points = self._points() if self._config.is_scoring else 1.0
        scheme = Scheme(
            fold=Fold.LEGACY,
            is_scoring=self._config.is_scoring,
            points=points,
            groups=tuple(groups),
            tests=tuple(self._scored(test) for test in self._tests.tests),
        )
        return self._tests.finish(scheme, uses_grader=any(keys.is_custom for keys in self._keys.values()))

    def _read_folder(self, folder: str, parent: str) -> str:
        self._tests.check_groups(len(self._keys))
        self._read_keys(folder, parent)
        children: list[int | str] = []
        for name, is_test in self._tests.names_in(folder):
            if is_test:
                children.append(self._tests.add_test(folder, name, folder, self._arguments[folder]))
            else:
                children.append(self._read_folder(f"{folder}/{name}", folder))
        self._add_group(folder, parent, tuple(children))
        return folder

    def _read_keys(self, folder: str, parent: str | None) -> None:
        """Read a folder's `testdata.yaml`, over what its parent hands down."""
        path = f"data/{folder}/{LEGACY_CONFIG}" if folder else f"data/{LEGACY_CONFIG}"
        fields = self._tests.fields(path)
        if parent is None:
            keys, arguments = _Keys(), Arguments(checker_args=self._config.validator_flags)
            old = {"first_error": "break", "grade": "continue"}
            for key, value in self._config.old_grading.items():
                if key in _SCORE_KEYS and not self._config.is_scoring:
                    continue
                if key not in fields and (key != "on_reject" or str(value) in old):
                    fields.unread[key] = old[str(value)] if key == "on_reject" else value
        else:
            keys, arguments = replace(self._keys[parent]), replace(self._arguments[parent])
        if "on_reject" in fields:
            keys.breaks = fields.choice("on_reject", ("break", "continue"), "break") == "break"
        if "grading" in fields:
            keys.is_custom = fields.choice("grading", ("default", "custom"), "default") == "custom"
        if "grader_flags" in fields:
            keys.grader_flags = self._flags(fields, "grader_flags")
        if not self._config.is_scoring:
            for key in (key for key in _SCORE_KEYS if key in fields):
                fields.fault(key, "is for problems of the type `scoring`.")
                fields.take(key)
            if keys.is_custom:
                fields.fault("grading", "is `custom`, which is for problems of the type `scoring`.")
        self._read_scores(fields, keys)
        self._tests.checks.count(keys.grader_flags)
        unknown = set() if keys.is_custom else set(keys.grader_flags) - GRADER_FLAGS
        if unknown:
            fields.fault("grader_flags", f"has an unknown flag: {', '.join(sorted(unknown))}.")
        if "output_validator_flags" in fields:
            own_flags = self._flags(fields, "output_validator_flags")
            arguments.checker_args = (*self._config.validator_flags, *own_flags)
        if isinstance(fields.unread.get("input_validator_flags"), dict):
            named = fields.inner("input_validator_flags")
            if set(named.unread) == {"name", "flags"}:
                flags = {named.text("name"): split_flags(named.text("flags"))}
            else:
                flags = {name: split_flags(named.text(name)) for name in list(named.unread)}
            arguments.validator_args = bounded_names(fields, "input_validator_flags", flags)
        elif "input_validator_flags" in fields:
            arguments.validator_args = {EVERY_VALIDATOR: self._flags(fields, "input_validator_flags")}
        fields.finish()
        self._keys[folder], self._arguments[folder] = keys, arguments

    def _flags(self, fields: Fields, key: str) -> tuple[str, ...]:
        return fields.bounded(key, split_flags(fields.text(key)))

    def _read_scores(self, fields: Fields, keys: _Keys) -> None:
        for key in ("accept_score", "reject_score"):
            if key in fields:
                number = number_of(fields.take(key))
                if number is None:
                    fields.fault(key, "is not a number.")
                setattr(keys, key, number or 0.0)
        if "range" in fields:
            value = fields.take("range")
            words = [str(word) for word in value] if isinstance(value, list) else str(value).split()
            try:
                low, high = (float(word) for word in words)
            except ValueError:
                low, high = math.inf, -math.inf
            if math.isnan(low) or math.isnan(high) or low > high:
                fields.fault("range", "is not two numbers, the lower one first.")
            keys.low, keys.high = (None if math.isinf(bound) else bound for bound in (low, high))

    def _add_group(self, name: str, parent: str | None, children: tuple[int | str, ...]) -> None:
        keys = self._keys[name]
        policy = Policy.CUSTOM if keys.is_custom else policy_of(keys.grader_flags)
        self._groups[name] = Group(
            name=name,
            parent=parent,
            policy=policy if self._config.is_scoring else Policy.ALL,
            points=self._most(name, children) if self._config.is_scoring else None,
            children=children,
            breaks=keys.breaks,
            grader_flags=keys.grader_flags,
            low=keys.low,
            high=keys.high,
        )

    def _most(self, name: str, children: tuple[int | str, ...]) -> float | None:
        """Return the most points of a group: the end of its range, else the points if all is accepted."""
        keys = self._keys[name]
        if keys.high is not None:
            return keys.high
        if keys.is_custom or (self._config.has_custom_score and any(isinstance(child, int) for child in children)):
            return None
        if name == ROOT and "ignore_sample" in keys.grader_flags:
            children = children[-1:]
        most = [keys.accept_score if isinstance(child, int) else self._groups[child].points for child in children]
        bounded = [points for points in most if points is not None]
        return fold_scores(policy_of(keys.grader_flags), bounded) if len(bounded) == len(most) else None

    def _points(self) -> float | None:
        """Return what a run earns at most."""
        if self._keys[ROOT].high is None and SECRET in self._keys and self._keys[SECRET].high is not None:
            return self._keys[SECRET].high
        return self._groups[ROOT].points

    def _scored(self, test: PackageTest) -> ScoredTest:
        keys = self._keys[test.group]
        rule = ScoreRule.ABSOLUTE if self._config.has_custom_score else ScoreRule.NONE
        if self._config.generation is Generation.KATTIS_2023_07 and self._config.is_scoring and self._tests.has_checker:
            rule = ScoreRule.OPTIONAL
        accept = keys.accept_score if self._config.is_scoring else 0.0
        return ScoredTest(
            number=test.number,
            group=test.group,
            points=None if rule is ScoreRule.ABSOLUTE else accept,
            rule=rule,
            reject_points=keys.reject_score if self._config.is_scoring else 0.0,
            ignores_multiplier=True,
            may_be_negative=True,
        )
