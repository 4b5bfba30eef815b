"""Reads the test data of packages of 2025-09. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Final

from shared.judging.grading.scheme import Fold, Group, Policy, Scheme, ScoredTest, ScoreRule
from shared.judging.packages.fields import Fields
from shared.judging.packages.model import EVERY_VALIDATOR, DataKind, DataTest, PackageTest
from shared.judging.packages.test_data.arguments import Arguments, bounded_names
from shared.judging.packages.test_data.collector import ROOT, SAMPLE, SECRET, TestCollector, TestData
from shared.judging.packages.test_data.legacy import LEGACY_CONFIG

_CONFIG: Final = "test_group.yaml"
_SHOWN_KEYS: Final = ("input_visualizer_args", "output_visualizer_args", "full_feedback", "hint", "description")
_SCORE_KEYS: Final = ("max_score", "score_aggregation", "require_pass")


class Kattis2025Reader:
    """`secret` has tests or groups, one level of them. A folder is a group if it has a `test_group.yaml`."""

    def __init__(self, tests: TestCollector) -> None:
        self._tests, self._archive, self._config, self._faults = tests, tests.archive, tests.config, tests.faults
        self._scores: dict[str, tuple[Policy, float | None, tuple[str, ...]]] = {}
        self._arguments: dict[str, Arguments] = {}

    def read(self) -> TestData:
        self._read_arguments(ROOT, None, self._tests.fields(f"data/{_CONFIG}"))
        groups: list[Group] = []
        members: dict[str, tuple[int | str, ...]] = {}
        for root in (SAMPLE, SECRET):
            self._read_group(root, ROOT)
            names = self._groups_in(root)
            for name in names:
                self._read_group(name, root)
                members[name] = self._add_tests(name, name, set())
            members[root] = (*self._add_tests(root, root, set(names)), *names)
            if names and len(members[root]) > len(names):
                self._faults.add(f"data/{root}", "There are tests beside groups.")
            groups += [self._group(root, ROOT, members), *(self._group(name, root, members) for name in names)]
        points = self._scores[SECRET][1] if self._config.is_scoring else 1.0
        policy = Policy.SUM if self._config.is_scoring else Policy.ALL
        root_group = Group(name=ROOT, parent=None, policy=policy, points=points, children=(SAMPLE, SECRET))
        self._check_scores(groups)
        self._tests.checker_args = self._arguments[SECRET].checker_args
        scheme = Scheme(
            fold=Fold.KATTIS_2025_09,
            is_scoring=self._config.is_scoring,
            points=points,
            groups=(root_group, *groups),
            tests=tuple(self._scored(test, members[test.group]) for test in self._tests.tests),
        )
        return self._tests.finish(scheme, data_tests=tuple(self._data_tests()))

    def _groups_in(self, root: str) -> list[str]:
        if root != SECRET:
            return []
        folders = [f"{root}/{name}" for name, is_test in self._tests.names_in(root) if not is_test]
        groups = [name for name in folders if f"data/{name}/{_CONFIG}" in self._archive.files]
        self._tests.check_groups(len(groups) + len((SAMPLE, SECRET)))
        for name in folders if groups else ():
            if name not in groups:
                self._faults.add(f"data/{name}", f"There is no {_CONFIG}, though other folders beside it have one.")
        return groups

    def _add_tests(self, folder: str, group: str, left_out: set[str]) -> tuple[int, ...]:
        """Add the tests of a folder and of the folders in it, in the order of their names."""
        numbers: list[int] = []
        for name, is_test in self._tests.names_in(folder):
            path = f"{folder}/{name}"
            if is_test:
                files = self._archive.below(f"data/{path}.files")
                numbers.append(self._tests.add_test(folder, name, group, self._arguments_of(folder, name), files))
            elif path not in left_out:
                if folder != SECRET and f"data/{path}/{_CONFIG}" in self._archive.files:
                    self._faults.add(f"data/{path}/{_CONFIG}", "Only folders in `secret` are groups.")
                self._arguments[path] = self._arguments[folder]
                numbers += self._add_tests(path, group, left_out)
        return tuple(numbers)

    def _read_group(self, name: str, parent: str) -> None:
        if f"data/{name}/{LEGACY_CONFIG}" in self._archive.files:
            self._faults.warn(f"data/{name}/{LEGACY_CONFIG}", f"The file is not read: its successor is {_CONFIG}.")
        fields = self._tests.fields(f"data/{name}/{_CONFIG}")
        for key in _SCORE_KEYS:
            if key in fields and (name == SAMPLE or not self._config.is_scoring):
                if self._config.is_scoring:
                    self._faults.warn(f"data/{name}/{_CONFIG}", f"`{key}`: samples have no scores.")
                else:
                    fields.fault(key, "is for the groups of problems of the type `scoring`.")
                fields.take(key)
        if "static_validation_score" in fields:
            fields.fault("static_validation_score", "is not supported.")
            fields.take("static_validation_score")
        default = Policy.SUM if name == SECRET else Policy.ALL
        policies = {"pass-fail": Policy.ALL, "sum": Policy.SUM, "min": Policy.MIN}
        words = {policy: word for word, policy in policies.items()}
        policy = policies[fields.choice("score_aggregation", tuple(policies), words[default])]
        points: float | None = 100.0 if name == SECRET else None
        if fields.unread.get("max_score") == "unbounded":
            fields.take("max_score")
            points = None
        elif "max_score" in fields:
            points = fields.number("max_score", whole=True)
        requires = fields.words("require_pass") or ()
        if not self._config.is_scoring or name == SAMPLE:
            policy, points = Policy.ALL, 0.0 if self._config.is_scoring else None
        self._scores[name] = (policy, points, requires)
        self._read_arguments(name, parent, fields)

    def _read_arguments(self, name: str, parent: str | None, fields: Fields) -> None:
        arguments = replace(self._arguments[parent]) if parent is not None else Arguments()
        arguments.args = self._words(fields, "args", arguments.args)
        arguments.checker_args = self._words(fields, "output_validator_args", arguments.checker_args)
        if isinstance(fields.unread.get("input_validator_args"), dict):
            named = fields.inner("input_validator_args")
            args = {key: named.words(key) or () for key in list(named.unread)}
            arguments.validator_args = bounded_names(fields, "input_validator_args", args)
        elif (words := fields.words("input_validator_args")) is not None:
            arguments.validator_args = {EVERY_VALIDATOR: fields.bounded("input_validator_args", words)}
        fields.finish((*_SHOWN_KEYS, "static_validator_args"))
        self._arguments[name] = arguments

    def _words(self, fields: Fields, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        words = fields.words(key)
        return default if words is None else fields.bounded(key, words)

    def _arguments_of(self, folder: str, name: str) -> Arguments:
        path = f"data/{folder}/{name}.yaml"
        if path not in self._archive.files:
            return self._arguments[folder]
        self._read_arguments(f"{folder}/{name}", folder, self._tests.fields(path))
        return self._arguments[f"{folder}/{name}"]

    def _group(self, name: str, parent: str, members: Mapping[str, tuple[int | str, ...]]) -> Group:
        policy, points, requires = self._scores[name]
        return Group(name=name, parent=parent, policy=policy, points=points, children=members[name], requires=requires)

    def _check_scores(self, groups: list[Group]) -> None:
        before: dict[str, Policy] = {}
        secret = self._scores[SECRET]
        for group in groups:
            path = f"data/{group.name}/{_CONFIG}"
            for required in group.requires:
                if before.get(required) is not Policy.ALL or required == SECRET:
                    self._faults.add(path, f"`require_pass` has {required!r}, which is no earlier pass-fail group.")
            before[group.name] = group.policy
            if not self._config.is_scoring or group.name == SAMPLE:
                continue
            if group.points is None and (group.policy is Policy.ALL or secret[1] is not None):
                self._faults.add(
                    path, "`max_score` is missing: only `sum` and `min` in an unbounded `secret` need none."
                )
            if secret[0] is Policy.ALL and group.policy is not Policy.ALL:
                self._faults.add(path, "`score_aggregation` must be `pass-fail`, since that of `secret` is.")

    def _scored(self, test: PackageTest, members: tuple[int | str, ...]) -> ScoredTest:
        policy, points, _ = self._scores[test.group]
        rule = ScoreRule.IGNORED if test.is_sample else ScoreRule.NONE
        if policy is Policy.ALL:
            points = 0.0
        else:
            rule = ScoreRule.ABSOLUTE if points is None else ScoreRule.BOUNDED
            points = points / len(members) if points is not None and policy is Policy.SUM else points
        return ScoredTest(number=test.number, group=test.group, points=points, rule=rule)

    def _data_tests(self) -> Iterator[DataTest]:
        for kind in DataKind:
            files = self._archive.below(f"data/{kind}")
            self._read_arguments(kind, ROOT, self._tests.fields(f"data/{kind}/{_CONFIG}"))
            for name in (name.removesuffix(".in") for name in files if name.endswith(".in")):
                folder = "/".join([kind, *name.split("/")[:-1]])
                for inner in accumulate(folder.split("/"), "{}/{}".format):
                    self._arguments.setdefault(inner, self._arguments[kind])
                arguments = self._arguments_of(folder, name.rpartition("/")[2])
                endings = (".in",) if kind is DataKind.INVALID_INPUT else (".in", ".ans", ".out")
                missing = [ending for ending in endings if name + ending not in files]
                if missing:
                    self._faults.add(files[f"{name}.in"], f"There is no {name}{missing[0]} beside it.")
                    continue
                answer, output = (files[name + ending] if ending in endings else "" for ending in (".ans", ".out"))
                for ending in endings:
                    self._archive.check_test_file(files[name + ending])
                checker_args = self._tests.checks.checked(arguments.checker_args, files[f"{name}.in"])
                test = PackageTest(
                    number=0,
                    name=f"{kind}/{name}",
                    group=kind,
                    input=files[f"{name}.in"],
                    answer=answer,
                    is_sample=False,
                    args=arguments.args,
                    checker_args=checker_args,
                    input_validator_args=arguments.validator_args,
                )
                self._tests.checks.count_test(test)
                yield DataTest(kind, test, output)
