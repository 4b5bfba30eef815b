"""Reads full packages of Polygon. Pure."""

import re
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from shared.engine_api.languages import LANGUAGES
from shared.engine_api.run_call.limits import MAX_FILES
from shared.engine_api.run_call.request import JudgeProtocol
from shared.judging.grading.scheme import Fold, Group, Policy, Scheme, ScoredTest, ScoreRule
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.expectations import POLYGON_TAGS
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import number_of
from shared.judging.packages.model import (
    EVERY_LANGUAGE,
    JurySubmission,
    Package,
    PackageBounds,
    PackageFormat,
    PackageJudge,
    PackageLimits,
    PackageProgram,
    PackageTest,
    ProblemType,
    Sample,
    TimeLimitRule,
    usable_titles,
)
from shared.judging.packages.problem_yaml import default_limits
from shared.judging.packages.programs import MAX_PROGRAMS, ProgramFinder
from shared.judging.packages.statements import STATEMENT_LANGUAGES

_PROBLEM: Final = "problem.xml"
_MAX_XML: Final = 4 << 20
_PATTERN: Final = re.compile(r"[^%]*%(?:0[1-9])?d[^%]*")
_POLICIES: Final = {"complete-group": Policy.MIN, "each-test": Policy.SUM}
#: Our codes, by the beginning of Polygon's types of sources.
_TYPES: Final = {
    language.package.polygon: code
    for code, language in LANGUAGES.items()
    if language.package and language.package.polygon
}
#: Each is compiled with all resources.
_MAX_VALIDATORS: Final = 20
_MAX_NAME: Final = 200
#: Keys of `judging`, each with the only value that works here.
_USUAL: Final = {"input-file": "stdin", "output-file": "stdout", "run-count": "1"}
#: Resources of statements.
_NO_CODE: Final = (".sty", ".tex", ".ftl")
#: A compiler would compile these along with a judge.
_SOURCES: Final = (".c", ".cc", ".cpp", ".cxx", ".java", ".kt", ".py")


def read_polygon(archive: PackageArchive, bounds: PackageBounds, faults: FaultList, name: str) -> Package:
    """Return the package. Faults are noted, and the package means nothing if there are any."""
    return _PolygonReader(archive, bounds, faults).read(name)


class _PolygonReader:
    def __init__(self, archive: PackageArchive, bounds: PackageBounds, faults: FaultList) -> None:
        self._archive, self._bounds, self._faults = archive, bounds, faults
        self._judges = ProgramFinder(archive, bounds.languages, bounds.checker_bytes)
        self._solutions = ProgramFinder(archive, bounds.languages, bounds.operator.source_bytes)
        self._root = self._parse()
        self._resources = self._find_resources()

    def _parse(self) -> Element:
        text = self._archive.read(_PROBLEM, _MAX_XML)
        if text is None:
            raise self._faults.fail(_PROBLEM, "The file is too long.")
        try:
            root: Element = fromstring(text, forbid_dtd=True)
        except DefusedXmlException:
            raise self._faults.fail(_PROBLEM, "The XML has a document type or entities of its own.") from None
        except (ParseError, ValueError, LookupError):
            raise self._faults.fail(_PROBLEM, "The XML cannot be read.") from None
        return root

    def read(self, name: str) -> Package:
        testsets = self._root.findall("judging/testset")
        testset = next((each for each in testsets if each.get("name") == "tests"), next(iter(testsets), None))
        if testset is None:
            raise self._faults.fail(_PROBLEM, "There is no testset.")
        judging = self._root.find("judging")
        for key, usual in _USUAL.items():
            if judging is not None and judging.get(key, "") not in ("", usual):
                what = "programs use standard input and output, and run once for each test"
                self._faults.add(_PROBLEM, f"`{key}` is not {usual}: {what}.")
        elements = self._test_elements(testset)
        tests = self._tests(testset, elements)
        scheme = self._scheme(testset, elements, tests)
        checker, interactor = (self._judge(kind) for kind in ("checker", "interactor"))
        if checker is None:
            self._faults.add(_PROBLEM, "There is no checker.")
        name = self._root.get("short-name") or self._archive.folder or name
        titles = {
            STATEMENT_LANGUAGES.get(title.get("language", ""), title.get("language", "en")): title.get("value", "")
            for title in self._root.findall("names/name")
        }
        kinds = [ProblemType.SCORING if scheme.is_scoring else ProblemType.PASS_FAIL]
        return Package(
            format=PackageFormat.POLYGON,
            name=name,
            titles=usable_titles(titles, name),
            types=(*kinds, ProblemType.INTERACTIVE) if interactor else tuple(kinds),
            languages=None,
            limits=self._limits(testset),
            time_limit_rule=TimeLimitRule(2.0, 1.5),
            checker=checker,
            interactor=interactor,
            grader=None,
            tests=tuple(tests),
            scheme=scheme,
            samples=tuple(
                Sample(test.name, None if interactor else test.input, None if interactor else test.answer, None)
                for test in tests
                if test.is_sample
            ),
            attachments=(),
            includes=self._includes(),
            submissions=tuple(self._submissions()),
            input_validators=tuple(self._validators()),
            data_tests=(),
            constants={},
            files=self._archive.files,
        )

    def _number(self, text: str | None, what: str) -> float:
        """Return a number of at least 0; 0 if there is none."""
        number = number_of(text) if text else 0.0
        if number is None or number < 0:
            self._faults.add(_PROBLEM, f"{what} is not a number of at least 0.")
        return max(number or 0.0, 0.0)

    def _test_elements(self, testset: Element) -> list[Element]:
        elements = testset.findall("tests/test")
        count = int(self._number(testset.findtext("test-count"), "`test-count`"))
        most = max(len(elements), count)
        if most > self._bounds.tests:
            raise self._faults.fail(_PROBLEM, f"There are {most} tests; there may be {self._bounds.tests}.")
        if not most:
            raise self._faults.fail(_PROBLEM, "There is no test.")
        return elements or [Element("test") for _ in range(count)]

    def _tests(self, testset: Element, elements: list[Element]) -> list[PackageTest]:
        patterns = [testset.findtext(f"{kind}-path-pattern", "") for kind in ("input", "answer")]
        if not all(_PATTERN.fullmatch(pattern) for pattern in patterns):
            raise self._faults.fail(_PROBLEM, "A path pattern does not have one number, such as `%02d`.")
        if not any(patterns[1] % number in self._archive.files for number in range(1, len(elements) + 1)):
            sentence = "There are no files of all tests; download the full package, and not the standard one."
            raise self._faults.fail(_PROBLEM, sentence)
        tests: list[PackageTest] = []
        for number, element in enumerate(elements, 1):
            paths = [pattern % number for pattern in patterns]
            for path in paths:
                if path in self._archive.files:
                    self._archive.check_test_file(path)
                else:
                    self._faults.add(path, "The test's file is missing.")
            is_sample = element.get("sample") == "true"
            test = PackageTest(
                number=number,
                name=paths[0].rpartition("/")[2],
                group=element.get("group") or ("sample" if is_sample else "secret"),
                input=paths[0],
                answer=paths[1],
                is_sample=is_sample,
            )
            tests.append(test)
        return tests

    def _scheme(self, testset: Element, elements: list[Element], tests: list[PackageTest]) -> Scheme:
        """Return how tests are graded: by their groups, in the order of the groups' first tests."""
        points_listed = [self._number(element.get("points"), "The points of a test") for element in elements]
        defined = {group.get("name", ""): group for group in testset.findall("groups/group")}
        members: dict[str, list[int]] = {}
        for test in tests:
            members.setdefault(test.group, []).append(test.number)
        groups: list[Group] = []
        points_of = dict(enumerate(points_listed, 1))
        for name, numbers in members.items():
            if len(name) > _MAX_NAME:
                self._faults.add(_PROBLEM, f"The name of a group has over {_MAX_NAME} characters.")
            element = defined.get(name, Element("group"))
            policy = _POLICIES.get(element.get("points-policy", "each-test"))
            if policy is None:
                self._faults.add(_PROBLEM, f"The points policy of the group {name[:100]!r} is unknown.")
            points = sum(points_of[number] for number in numbers)
            if not points:
                points = self._number(element.get("points"), "The points of a group")
                if policy is Policy.SUM:
                    points_of |= dict.fromkeys(numbers, points / len(numbers))
            requires = self._requires(element, members, defined)
            policy, children = policy or Policy.SUM, tuple(numbers)
            group = Group(name=name, parent="", policy=policy, points=points, children=children, requires=requires)
            groups.append(group)
        try:
            TopologicalSorter({group.name: group.requires for group in groups}).prepare()
        except CycleError as error:
            self._faults.add(_PROBLEM, f"Groups depend on each other: {', '.join(error.args[1])[:200]}.")
        total = sum(group.points or 0.0 for group in groups)
        if not total:
            groups = [group.model_copy(update={"policy": Policy.ALL, "points": None}) for group in groups]
        root = Group(
            name="",
            parent=None,
            policy=Policy.SUM if total else Policy.ALL,
            points=total or 1.0,
            children=tuple(group.name for group in groups),
        )
        rule = ScoreRule.BOUNDED if total else ScoreRule.NONE
        return Scheme(
            fold=Fold.POLYGON,
            is_scoring=bool(total),
            points=total or 1.0,
            groups=(root, *groups),
            tests=tuple(
                ScoredTest(number=test.number, group=test.group, points=points_of[test.number], rule=rule)
                for test in tests
            ),
        )

    def _requires(self, group: Element, members: Collection[str], defined: Collection[str]) -> tuple[str, ...]:
        """Return the groups that a group depends on. A group without tests hinders none."""
        names = [dependency.get("group", "") for dependency in group.findall("dependencies/dependency")]
        for name in names:
            if name not in members and name not in defined:
                self._faults.add(_PROBLEM, f"A group depends on the group {name[:100]!r}, and there is none.")
        return tuple(dict.fromkeys(name for name in names if name in members))

    def _limits(self, testset: Element) -> PackageLimits:
        operator = self._bounds.operator
        seconds = self._number(testset.findtext("time-limit"), "`time-limit`") / 1000
        memory = int(self._number(testset.findtext("memory-limit"), "`memory-limit`"))
        if seconds > operator.cpu_s:
            self._faults.add(_PROBLEM, f"The time limit is more than this service allows: {operator.cpu_s:g} s.")
        if memory > operator.memory_bytes:
            self._faults.add(_PROBLEM, f"The memory limit is more than this service allows: {operator.memory_bytes}.")
        limits = default_limits(operator)
        return PackageLimits(cpu_s=seconds or None, **(limits | ({"memory_bytes": memory} if memory else {})))

    def _program(self, source: Element | None, *, with_resources: bool) -> PackageProgram | None:
        """Return the program of a source; None if there is no such file, which is a fault."""
        path, kind = ("", "") if source is None else (source.get("path", ""), source.get("type", ""))
        if path not in self._archive.files:
            self._faults.add(path or _PROBLEM, "The source is missing.")
            return None
        language = next((code for beginning, code in _TYPES.items() if kind.startswith(beginning)), "")
        if kind.startswith("python.2"):
            language = ""
        files = {path.rpartition("/")[2]: path}
        if with_resources:
            return self._judges.of_files(path, self._resources | files, language)
        return self._solutions.of_files(path, files, language)

    def _find_resources(self) -> dict[str, str]:
        """Return the files that stand beside judges: headers, which are compiled with none of them by themselves."""
        files = self._root.findall("files/resources/file")
        paths = (file.get("path", "") for file in files if file.find("assets") is None)
        names = {path for path in paths if path in self._archive.files and not path.endswith((*_NO_CODE, *_SOURCES))}
        return {path.rpartition("/")[2]: path for path in sorted(names)[: MAX_FILES + 1]}

    def _assets(self, path: str, most: int) -> list[Element]:
        elements = self._root.findall(f"assets/{path}")
        if len(elements) > most:
            raise self._faults.fail(_PROBLEM, f"There are more than {most} programs at assets/{path}.")
        return elements

    def _includes(self) -> dict[str, dict[str, str]]:
        """Return the resources that stand beside solutions."""
        includes: dict[str, dict[str, str]] = {}
        for file in self._root.findall("files/resources/file"):
            path, kind = file.get("path", ""), file.get("type", "")
            if file.find("assets") is not None and path in self._archive.files:
                language = next((code for beginning, code in _TYPES.items() if kind.startswith(beginning)), None)
                includes.setdefault(language or EVERY_LANGUAGE, {})[path.rpartition("/")[2]] = path
        self._judges.check_includes(includes, _PROBLEM, self._faults)
        return includes

    def _judge(self, kind: str) -> PackageJudge | None:
        element = self._root.find(f"assets/{kind}")
        if element is None:
            return None
        if element.get("type", "testlib") != "testlib":
            self._faults.add(_PROBLEM, f"The {kind} is not of the type testlib.")
        program = self._program(element.find("source"), with_resources=True)
        if program and program.fault:
            self._faults.add(program.name, program.fault)
        return PackageJudge(program, JudgeProtocol.TESTLIB) if program else None

    def _validators(self) -> Iterator[PackageProgram]:
        for element in self._assets("validators/validator", _MAX_VALIDATORS):
            program = self._program(element.find("source"), with_resources=True)
            if program and program.fault:
                self._faults.warn(program.name, program.fault)
            if program:
                yield program

    def _submissions(self) -> Iterator[JurySubmission]:
        for element in self._assets("solutions/solution", MAX_PROGRAMS):
            tag = element.get("tag", "")
            program = self._program(element.find("source"), with_resources=False)
            if not program:
                continue
            expected = POLYGON_TAGS.get(tag)
            if tag not in POLYGON_TAGS:
                self._faults.warn(program.name, f"The tag {tag[:100]!r} is unknown.")
            not_run = program.fault or ("" if expected else "Its tag says nothing that it must get.")
            yield JurySubmission(program.name, program, tests=(expected,) if expected else (), not_run=not_run)
