"""Finds the tests, groups and samples below `data/` of Kattis packages, of both generations. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final

from shared.engine_api.icpc_args import TOLERANCES, parse_args
from shared.engine_api.run_call.limits import check_args
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
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import Fields, number_of, read_fields
from shared.judging.packages.model import EVERY_VALIDATOR, DataKind, DataTest, PackageBounds, PackageTest, Sample
from shared.judging.packages.problem_yaml import CONFIG, Generation, ProblemConfig, split_flags
from shared.judging.packages.programs import excess_of

_LEGACY_CONFIG: Final = "testdata.yaml"
_GROUP_CONFIG: Final = "test_group.yaml"
_SAMPLE: Final = "sample"
_SECRET: Final = "secret"  # noqa: S105
_ROOT: Final = ""
_SHOWN_KEYS: Final = ("input_visualizer_args", "output_visualizer_args", "full_feedback", "hint", "description")
_SCORE_KEYS: Final = ("max_score", "score_aggregation", "require_pass")
_SCORE_KEYS_LEGACY: Final = ("accept_score", "reject_score", "range")
#: Each test has its own copy of what its groups hand down.
_LONGEST_ARGUMENTS: Final = 1 << 20
#: Bytes of a file that is only for the statement.
_LONGEST_SHOWN: Final = 1 << 20


@dataclass
class _Arguments:
    """The arguments of a test, as its groups hand them down."""

    args: tuple[str, ...] = ()
    checker_args: tuple[str, ...] = ()
    validator_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class _Legacy:
    """The settings of a group in `testdata.yaml`, as they are handed down."""

    breaks: bool = True
    is_custom: bool = False
    grader_flags: tuple[str, ...] = ()
    accept_score: float = 1
    reject_score: float = 0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TestData:
    """The tests, groups and samples below `data/`."""

    tests: tuple[PackageTest, ...]
    scheme: Scheme
    samples: tuple[Sample, ...]
    data_tests: tuple[DataTest, ...]
    checker_args: tuple[str, ...]
    uses_grader: bool


def read_test_data(
    archive: PackageArchive, config: ProblemConfig, bounds: PackageBounds, faults: FaultList, *, has_checker: bool
) -> TestData:
    """Return the tests and how they are graded. `has_checker`: a program judges them, and reads their arguments."""
    is_new = config.generation is Generation.KATTIS_2025_09
    reader = (_NewReader if is_new else _LegacyReader)(archive, config, bounds, faults, has_checker)
    return reader.read()


class _Reader:
    """Reads what both generations have in common. Groups are named by their folders below `data/`; the root is ""."""

    def __init__(
        self,
        archive: PackageArchive,
        config: ProblemConfig,
        bounds: PackageBounds,
        faults: FaultList,
        has_checker: bool,
    ) -> None:
        self.archive, self.config, self.bounds, self.faults = archive, config, bounds, faults
        self.has_checker = has_checker
        self.tests: list[PackageTest] = []
        self.known_args: set[tuple[object, tuple[str, ...]]] = set()
        self.last_counts: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.free_characters = _LONGEST_ARGUMENTS
        self.checker_args = self.checked(config.validator_flags, CONFIG)
        self.arguments: dict[str, _Arguments] = {}

    def read(self) -> TestData:
        raise NotImplementedError

    def fields(self, path: str) -> Fields:
        may_repeat = self.config.generation is not Generation.KATTIS_2025_09
        return read_fields(self.archive, path, self.faults, self.config.constants, may_repeat=may_repeat)

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

    def add_test(self, folder: str, name: str, group: str) -> int:
        """Add a test, and return its number."""
        if len(self.tests) == self.bounds.tests:
            raise self.faults.fail("data", f"There are more than {self.bounds.tests} tests.")
        path, arguments = f"data/{folder}/{name}", self.arguments_of(folder, name)
        files = self.archive.below(f"{path}.files") if self.config.generation is Generation.KATTIS_2025_09 else {}
        test = PackageTest(
            number=len(self.tests) + 1,
            name=f"{folder}/{name}",
            group=group,
            input=f"{path}.in",
            answer=f"{path}.ans",
            is_sample=folder.split("/")[0] == _SAMPLE,
            args=arguments.args,
            files=files,
            checker_args=self.checked(arguments.checker_args, f"data/{folder}"),
            input_validator_args=arguments.validator_args,
        )
        self.count_arguments_of(test)
        if excess := excess_of(self.archive, files.values(), self.bounds.checker_bytes):
            self.faults.add(f"{path}.files", excess)
        self.archive.check_test_file(test.input)
        self.archive.check_test_file(test.answer)
        self.tests.append(test)
        return test.number

    def arguments_of(self, folder: str, _name: str) -> _Arguments:
        return self.arguments[folder]

    def checked(self, args: tuple[str, ...], path: str) -> tuple[str, ...]:
        """Return the arguments of a test's checker. Those that the default checker does not know are faults."""
        if self.has_checker:
            self.check_args(path, args, check_args)
            return args
        if self.config.generation is not Generation.KATTIS_2025_09:
            # All tests with the same arguments share them.
            if args not in self.last_counts:
                self.last_counts[args] = _last_counts(args)
            args = self.last_counts[args]
        self.check_args(path, args, parse_args)
        return args

    def check_args(self, path: str, args: tuple[str, ...], check: Callable[[tuple[str, ...]], object]) -> None:
        """Note what is wrong with arguments, once for the same ones."""
        if (check, args) not in self.known_args:
            self.known_args.add((check, args))
            try:
                check(args)
            except ValueError as error:
                self.faults.add(path, str(error))

    def validator_args(
        self, fields: Fields, key: str, named: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        """Return the arguments of input validators; none if there are too many of them and of their names."""
        words = (*named, *(word for args in named.values() for word in args))
        return named if fields.bounded(key, words) else {}

    def count_arguments(self, *lists: tuple[str, ...]) -> None:
        """Count the arguments of a test or a group. Raises `PackageError` when there are too many."""
        self.free_characters -= sum(sum(map(len, words)) + len(words) for words in lists)
        if self.free_characters < 0:
            raise self.faults.fail("data", f"The arguments of all tests have over {_LONGEST_ARGUMENTS} characters.")

    def count_arguments_of(self, test: PackageTest) -> None:
        named = test.input_validator_args
        self.count_arguments(test.args, test.checker_args, tuple(named), *named.values())

    def check_groups(self, count: int) -> None:
        """Raise `PackageError` if there are too many groups below the root."""
        most = self.bounds.tests + len((_SAMPLE, _SECRET))
        if count > most:
            raise self.faults.fail("data", f"There are more than {most} groups.")

    def samples(self) -> tuple[Sample, ...]:
        """Return what is shown of the samples."""
        files = self.archive.below(f"data/{_SAMPLE}")
        hides_files = self.config.is_interactive or self.config.is_multi_pass
        tests = {test.name.removeprefix(f"{_SAMPLE}/") for test in self.tests if test.is_sample}
        shown = {name.removesuffix(".interaction") for name in files if name.endswith(".interaction")} | tests

        def first(name: str, *endings: str) -> str | None:
            """Return the path of the first file that is short enough to be shown; tests have a bound of their own."""
            for path in (files[name + ending] for ending in endings if name + ending in files):
                if path.endswith((".in", ".ans")) or self.archive.files[path].size_bytes <= _LONGEST_SHOWN:
                    return path
                self.faults.warn(path, f"The file has over {_LONGEST_SHOWN} bytes, so it is not shown.")
            return None

        return tuple(
            Sample(
                f"{_SAMPLE}/{name}",
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
        return TestData(tuple(self.tests), scheme, self.samples(), data_tests, self.checker_args, uses_grader)


class _LegacyReader(_Reader):
    """Every folder is a group, to any depth, and hands its keys down."""

    def read(self) -> TestData:
        self.groups: dict[str, Group] = {}
        self.keys: dict[str, _Legacy] = {}
        self._read_keys(_ROOT, None)
        roots = [folder for folder in (_SAMPLE, _SECRET) if self.archive.is_folder(f"data/{folder}")]
        self._add_group(_ROOT, None, tuple(self._read_folder(folder, _ROOT) for folder in roots))
        groups = sorted(self.groups.values(), key=lambda group: group.name.split("/"))
        points = self._points() if self.config.is_scoring else 1.0
        scheme = Scheme(
            fold=Fold.LEGACY,
            is_scoring=self.config.is_scoring,
            points=points,
            groups=tuple(groups),
            tests=tuple(self._scored(test) for test in self.tests),
        )
        return self.finish(scheme, uses_grader=any(keys.is_custom for keys in self.keys.values()))

    def _read_folder(self, folder: str, parent: str) -> str:
        self.check_groups(len(self.keys))
        self._read_keys(folder, parent)
        children: list[int | str] = []
        for name, is_test in self.names_in(folder):
            path = f"{folder}/{name}"
            children.append(self.add_test(folder, name, folder) if is_test else self._read_folder(path, folder))
        self._add_group(folder, parent, tuple(children))
        return folder

    def _read_keys(self, folder: str, parent: str | None) -> None:
        """Read a folder's `testdata.yaml`, over what its parent hands down."""
        path = f"data/{folder}/{_LEGACY_CONFIG}" if folder else f"data/{_LEGACY_CONFIG}"
        fields = self.fields(path)
        if parent is None:
            keys, arguments = _Legacy(), _Arguments(checker_args=self.config.validator_flags)
            old = {"first_error": "break", "grade": "continue"}
            for key, value in self.config.old_grading.items():
                if key in _SCORE_KEYS_LEGACY and not self.config.is_scoring:
                    continue
                if key not in fields and (key != "on_reject" or str(value) in old):
                    fields.unread[key] = old[str(value)] if key == "on_reject" else value
        else:
            keys, arguments = replace(self.keys[parent]), replace(self.arguments[parent])
        if "on_reject" in fields:
            keys.breaks = fields.choice("on_reject", ("break", "continue"), "break") == "break"
        if "grading" in fields:
            keys.is_custom = fields.choice("grading", ("default", "custom"), "default") == "custom"
        if "grader_flags" in fields:
            keys.grader_flags = self._flags(fields, "grader_flags")
        if not self.config.is_scoring:
            for key in (key for key in _SCORE_KEYS_LEGACY if key in fields):
                fields.fault(key, "is for problems of the type `scoring`.")
                fields.take(key)
            if keys.is_custom:
                fields.fault("grading", "is `custom`, which is for problems of the type `scoring`.")
        self._read_scores(fields, keys)
        self.count_arguments(keys.grader_flags)
        unknown = set() if keys.is_custom else set(keys.grader_flags) - GRADER_FLAGS
        if unknown:
            fields.fault("grader_flags", f"has an unknown flag: {', '.join(sorted(unknown))}.")
        if "output_validator_flags" in fields:
            own = self._flags(fields, "output_validator_flags")
            arguments.checker_args = (*self.config.validator_flags, *own)
        if isinstance(fields.unread.get("input_validator_flags"), dict):
            named = fields.inner("input_validator_flags")
            if set(named.unread) == {"name", "flags"}:
                flags = {named.text("name"): split_flags(named.text("flags"))}
            else:
                flags = {name: split_flags(named.text(name)) for name in list(named.unread)}
            arguments.validator_args = self.validator_args(fields, "input_validator_flags", flags)
        elif "input_validator_flags" in fields:
            arguments.validator_args = {EVERY_VALIDATOR: self._flags(fields, "input_validator_flags")}
        fields.finish()
        self.keys[folder], self.arguments[folder] = keys, arguments

    def _flags(self, fields: Fields, key: str) -> tuple[str, ...]:
        return fields.bounded(key, split_flags(fields.text(key)))

    def _read_scores(self, fields: Fields, keys: _Legacy) -> None:
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
        keys = self.keys[name]
        policy = Policy.CUSTOM if keys.is_custom else policy_of(keys.grader_flags)
        self.groups[name] = Group(
            name=name,
            parent=parent,
            policy=policy if self.config.is_scoring else Policy.ALL,
            points=self._most(name, children) if self.config.is_scoring else None,
            children=children,
            breaks=keys.breaks,
            grader_flags=keys.grader_flags,
            low=keys.low,
            high=keys.high,
        )

    def _most(self, name: str, children: tuple[int | str, ...]) -> float | None:
        """Return the most points of a group: the end of its range, else the points if all is accepted."""
        keys = self.keys[name]
        if keys.high is not None:
            return keys.high
        if keys.is_custom or (self.config.has_custom_score and any(isinstance(child, int) for child in children)):
            return None
        if name == _ROOT and "ignore_sample" in keys.grader_flags:
            children = children[-1:]
        most = [keys.accept_score if isinstance(child, int) else self.groups[child].points for child in children]
        bounded = [points for points in most if points is not None]
        return fold_scores(policy_of(keys.grader_flags), bounded) if len(bounded) == len(most) else None

    def _points(self) -> float | None:
        """Return what a run earns at most."""
        if self.keys[_ROOT].high is None and _SECRET in self.keys and self.keys[_SECRET].high is not None:
            return self.keys[_SECRET].high
        return self.groups[_ROOT].points

    def _scored(self, test: PackageTest) -> ScoredTest:
        keys = self.keys[test.group]
        rule = ScoreRule.ABSOLUTE if self.config.has_custom_score else ScoreRule.NONE
        if self.config.generation is Generation.KATTIS_2023_07 and self.config.is_scoring and self.has_checker:
            rule = ScoreRule.OPTIONAL
        accept = keys.accept_score if self.config.is_scoring else 0.0
        return ScoredTest(
            number=test.number,
            group=test.group,
            points=None if rule is ScoreRule.ABSOLUTE else accept,
            rule=rule,
            reject_points=keys.reject_score if self.config.is_scoring else 0.0,
            ignores_multiplier=True,
            may_be_negative=True,
        )


class _NewReader(_Reader):
    """`secret` has tests or groups, one level of them. A folder is a group if it has a `test_group.yaml`."""

    def read(self) -> TestData:
        self.scores: dict[str, tuple[Policy, float | None, tuple[str, ...]]] = {}
        self._read_arguments(_ROOT, None, self.fields(f"data/{_GROUP_CONFIG}"))
        groups: list[Group] = []
        members: dict[str, tuple[int | str, ...]] = {}
        for root in (_SAMPLE, _SECRET):
            self._read_group(root, _ROOT)
            names = self._groups_in(root)
            for name in names:
                self._read_group(name, root)
                members[name] = self._add_tests(name, name, set())
            members[root] = (*self._add_tests(root, root, set(names)), *names)
            if names and len(members[root]) > len(names):
                self.faults.add(f"data/{root}", "There are tests beside groups.")
            groups += [self._group(root, _ROOT, members), *(self._group(name, root, members) for name in names)]
        points = self.scores[_SECRET][1] if self.config.is_scoring else 1.0
        policy = Policy.SUM if self.config.is_scoring else Policy.ALL
        root_group = Group(name=_ROOT, parent=None, policy=policy, points=points, children=(_SAMPLE, _SECRET))
        self._check_scores(groups)
        self.checker_args = self.arguments[_SECRET].checker_args
        scheme = Scheme(
            fold=Fold.KATTIS_2025_09,
            is_scoring=self.config.is_scoring,
            points=points,
            groups=(root_group, *groups),
            tests=tuple(self._scored(test, members[test.group]) for test in self.tests),
        )
        return self.finish(scheme, data_tests=tuple(self._data_tests()))

    def _groups_in(self, root: str) -> list[str]:
        """Return the names of the groups in `secret`."""
        if root != _SECRET:
            return []
        folders = [f"{root}/{name}" for name, is_test in self.names_in(root) if not is_test]
        groups = [name for name in folders if f"data/{name}/{_GROUP_CONFIG}" in self.archive.files]
        self.check_groups(len(groups) + len((_SAMPLE, _SECRET)))
        for name in folders if groups else ():
            if name not in groups:
                self.faults.add(
                    f"data/{name}", f"There is no {_GROUP_CONFIG}, though other folders beside it have one."
                )
        return groups

    def _add_tests(self, folder: str, group: str, left_out: set[str]) -> tuple[int, ...]:
        """Add the tests of a folder and of the folders in it, in the order of their names."""
        numbers: list[int] = []
        for name, is_test in self.names_in(folder):
            path = f"{folder}/{name}"
            if is_test:
                numbers.append(self.add_test(folder, name, group))
            elif path not in left_out:
                if folder != _SECRET and f"data/{path}/{_GROUP_CONFIG}" in self.archive.files:
                    self.faults.add(f"data/{path}/{_GROUP_CONFIG}", "Only folders in `secret` are groups.")
                self.arguments[path] = self.arguments[folder]
                numbers += self._add_tests(path, group, left_out)
        return tuple(numbers)

    def _read_group(self, name: str, parent: str) -> None:
        """Read a folder's `test_group.yaml`."""
        if f"data/{name}/{_LEGACY_CONFIG}" in self.archive.files:
            self.faults.warn(
                f"data/{name}/{_LEGACY_CONFIG}", f"The file is not read: its successor is {_GROUP_CONFIG}."
            )
        fields = self.fields(f"data/{name}/{_GROUP_CONFIG}")
        for key in _SCORE_KEYS:
            if key in fields and (name == _SAMPLE or not self.config.is_scoring):
                if self.config.is_scoring:
                    self.faults.warn(f"data/{name}/{_GROUP_CONFIG}", f"`{key}`: samples have no scores.")
                else:
                    fields.fault(key, "is for the groups of problems of the type `scoring`.")
                fields.take(key)
        if "static_validation_score" in fields:
            fields.fault("static_validation_score", "is not supported.")
            fields.take("static_validation_score")
        default = Policy.SUM if name == _SECRET else Policy.ALL
        policies = {"pass-fail": Policy.ALL, "sum": Policy.SUM, "min": Policy.MIN}
        words = {policy: word for word, policy in policies.items()}
        policy = policies[fields.choice("score_aggregation", tuple(policies), words[default])]
        points: float | None = 100.0 if name == _SECRET else None
        if fields.unread.get("max_score") == "unbounded":
            fields.take("max_score")
            points = None
        elif "max_score" in fields:
            points = fields.number("max_score", whole=True)
        requires = fields.words("require_pass") or ()
        if not self.config.is_scoring or name == _SAMPLE:
            policy, points = Policy.ALL, 0.0 if self.config.is_scoring else None
        self.scores[name] = (policy, points, requires)
        self._read_arguments(name, parent, fields)

    def _read_arguments(self, name: str, parent: str | None, fields: Fields) -> None:
        arguments = replace(self.arguments[parent]) if parent is not None else _Arguments()
        arguments.args = self._words(fields, "args", arguments.args)
        arguments.checker_args = self._words(fields, "output_validator_args", arguments.checker_args)
        if isinstance(fields.unread.get("input_validator_args"), dict):
            named = fields.inner("input_validator_args")
            args = {key: named.words(key) or () for key in list(named.unread)}
            arguments.validator_args = self.validator_args(fields, "input_validator_args", args)
        elif (words := fields.words("input_validator_args")) is not None:
            arguments.validator_args = {EVERY_VALIDATOR: fields.bounded("input_validator_args", words)}
        fields.finish((*_SHOWN_KEYS, "static_validator_args"))
        self.arguments[name] = arguments

    def _words(self, fields: Fields, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        words = fields.words(key)
        return default if words is None else fields.bounded(key, words)

    def arguments_of(self, folder: str, name: str) -> _Arguments:
        path = f"data/{folder}/{name}.yaml"
        if path not in self.archive.files:
            return self.arguments[folder]
        self._read_arguments(f"{folder}/{name}", folder, self.fields(path))
        return self.arguments[f"{folder}/{name}"]

    def _group(self, name: str, parent: str, members: Mapping[str, tuple[int | str, ...]]) -> Group:
        policy, points, requires = self.scores[name]
        return Group(name=name, parent=parent, policy=policy, points=points, children=members[name], requires=requires)

    def _check_scores(self, groups: list[Group]) -> None:
        """Note what is wrong with how groups are scored."""
        before: dict[str, Policy] = {}
        secret = self.scores[_SECRET]
        for group in groups:
            path = f"data/{group.name}/{_GROUP_CONFIG}"
            for required in group.requires:
                if before.get(required) is not Policy.ALL or required == _SECRET:
                    self.faults.add(path, f"`require_pass` has {required!r}, which is no earlier pass-fail group.")
            before[group.name] = group.policy
            if not self.config.is_scoring or group.name == _SAMPLE:
                continue
            if group.points is None and (group.policy is Policy.ALL or secret[1] is not None):
                self.faults.add(
                    path, "`max_score` is missing: only `sum` and `min` in an unbounded `secret` need none."
                )
            if secret[0] is Policy.ALL and group.policy is not Policy.ALL:
                self.faults.add(path, "`score_aggregation` must be `pass-fail`, since that of `secret` is.")

    def _scored(self, test: PackageTest, members: tuple[int | str, ...]) -> ScoredTest:
        policy, points, _ = self.scores[test.group]
        rule = ScoreRule.IGNORED if test.is_sample else ScoreRule.NONE
        if policy is Policy.ALL:
            points = 0.0
        else:
            rule = ScoreRule.ABSOLUTE if points is None else ScoreRule.BOUNDED
            points = points / len(members) if points is not None and policy is Policy.SUM else points
        return ScoredTest(number=test.number, group=test.group, points=points, rule=rule)

    def _data_tests(self) -> Iterator[DataTest]:
        """Yield the tests of the validators."""
        for kind in DataKind:
            files = self.archive.below(f"data/{kind}")
            self._read_arguments(kind, _ROOT, self.fields(f"data/{kind}/{_GROUP_CONFIG}"))
            for name in (name.removesuffix(".in") for name in files if name.endswith(".in")):
                folder = "/".join([kind, *name.split("/")[:-1]])
                for inner in accumulate(folder.split("/"), "{}/{}".format):
                    self.arguments.setdefault(inner, self.arguments[kind])
                arguments = self.arguments_of(folder, name.rpartition("/")[2])
                endings = (".in",) if kind is DataKind.INVALID_INPUT else (".in", ".ans", ".out")
                missing = [ending for ending in endings if name + ending not in files]
                if missing:
                    self.faults.add(files[f"{name}.in"], f"There is no {name}{missing[0]} beside it.")
                    continue
                answer, output = (files[name + ending] if ending in endings else "" for ending in (".ans", ".out"))
                for ending in endings:
                    self.archive.check_test_file(files[name + ending])
                checker_args = self.checked(arguments.checker_args, files[f"{name}.in"])
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
                self.count_arguments_of(test)
                yield DataTest(kind, test, output)


def _last_counts(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments of the default checker, each once: in legacy packages the last one counts."""
    flags: dict[str, None] = {}
    tolerances: dict[str, str] = {}
    words = iter(args)
    for word in words:
        if word in TOLERANCES:
            number = next(words, None)
            if number is None:
                flags[word] = None
            else:
                tolerances |= dict.fromkeys(TOLERANCES[word], number)
        else:
            flags[word] = None
    pairs = (word for kind, number in sorted(tolerances.items()) for word in (f"float_{kind}_tolerance", number))
    return (*pairs, *flags)
