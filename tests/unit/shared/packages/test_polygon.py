"""Full packages of Polygon."""

import pytest

from shared.engine_api.codex import Verdict
from shared.judging.grading.scheme import Fold, Policy, ScoreRule
from shared.judging.packages.expectations import JuryTest, unmet
from shared.judging.packages.model import JurySubmission, Package, PackageFormat, ProblemType
from tests.problem_packages import MIB, fault_texts, read

TESTS = '<test method="manual" sample="true"/><test method="generated" cmd="gen 2"/>'
CHECKER = '<checker name="std::lcmp.cpp" type="testlib"><source path="files/check.cpp" type="cpp.g++17"/></checker>'
FILES = {
    "tests/01": "1\n",
    "tests/01.a": "1\n",
    "tests/02": "2\n",
    "tests/02.a": "2\n",
    "files/check.cpp": "int main() {}",
    "files/testlib.h": "",
    "files/olymp.sty": "",
    "solutions/main.cpp": "int main() {}",
}
RESOURCES = '<file path="files/testlib.h" type="h.g++"/><file path="files/olymp.sty"/>'


def problem(
    tests: str = TESTS,
    *,
    assets: str = CHECKER,
    groups: str = "",
    judging: str = 'input-file="" output-file=""',
    head: str = "",
    count: int = 2,
    memory: int = 256 * MIB,
    resources: str = RESOURCES,
    solutions: str = '<solution tag="main"><source path="solutions/main.cpp" type="cpp.g++17"/></solution>',
) -> str:
    return f"""<?xml version="1.0" encoding="utf-8" standalone="no"?>{head}
    <problem revision="3" short-name="sum">
      <names><name language="russian" value="Сумма"/><name language="english" value="Sum"/></names>
      <judging {judging}>
        <testset name="pretests"/>
        <testset name="tests">
          <time-limit>1500</time-limit><memory-limit>{memory}</memory-limit>
          <test-count>{count}</test-count>
          <input-path-pattern>tests/%02d</input-path-pattern>
          <answer-path-pattern>tests/%02d.a</answer-path-pattern>
          <tests>{tests}</tests><groups>{groups}</groups>
        </testset>
      </judging>
      <files><resources>{resources}</resources></files>
      <assets>{assets}<solutions>{solutions}</solutions></assets>
    </problem>"""


def package_of(xml: str, **files: str) -> Package:
    return read({"problem.xml": xml, **FILES, **files})


def faults_in(xml: str) -> list[str]:
    return fault_texts({"problem.xml": xml, **FILES})


def scored(*tests: tuple[str, float]) -> str:
    return "".join(f'<test group="{group}" points="{points}"/>' for group, points in tests)


def test_a_plain_problem() -> None:
    package = package_of(problem())
    assert (package.format, package.name, package.title) == (PackageFormat.POLYGON, "sum", "Sum")
    assert package.titles["ru"] == "Сумма"
    assert package.types == (ProblemType.PASS_FAIL,)
    assert (package.limits.cpu_s, package.limits.memory_bytes) == (1.5, 256 * MIB)
    assert [(test.name, test.group, test.is_sample) for test in package.tests] == [
        ("01", "sample", True),
        ("02", "secret", False),
    ]
    assert (package.scheme.fold, package.scheme.points, package.scheme.is_scoring) == (Fold.POLYGON, 1, False)
    assert {group.policy for group in package.scheme.groups} == {Policy.ALL}
    assert package.checker is not None
    assert package.checker.protocol == "testlib"
    assert (package.checker.program.entry, package.checker.program.language) == ("check.cpp", "cpp")
    assert set(package.checker.program.files) == {"check.cpp", "testlib.h"}
    assert [sample.input for sample in package.samples] == ["tests/01"]


def test_groups_with_points() -> None:
    groups = (
        '<group name="a" points-policy="complete-group" points="30"/>'
        '<group name="b" points-policy="each-test" points="20"/>'
        '<group name="c" points-policy="complete-group" points="50"><dependencies><dependency group="a"/>'
        '<dependency group="b"/><dependency group="a"/></dependencies></group>'
    )
    files = {f"tests/0{number}{ending}": "" for number in range(3, 6) for ending in ("", ".a")}
    tests = scored(("a", 30), ("b", 0), ("a", 0), ("b", 0), ("c", 0))
    package = package_of(problem(tests, groups=groups, count=5), **files)
    assert (package.scheme.points, package.types[0]) == (100, ProblemType.SCORING)
    assert [(group.name, group.policy, group.points, group.requires) for group in package.scheme.groups[1:]] == [
        ("a", Policy.MIN, 30, ()),
        ("b", Policy.SUM, 20, ()),
        ("c", Policy.MIN, 50, ("a", "b")),
    ]
    assert [test.points for test in package.scheme.tests] == [30, 10, 0, 10, 0]
    assert {test.rule for test in package.scheme.tests} == {ScoreRule.BOUNDED}


def test_points_without_groups() -> None:
    tests = '<test sample="true" points="10"/><test points="20"/>'
    package = package_of(problem(tests))
    assert [(group.name, group.policy, group.points) for group in package.scheme.groups[1:]] == [
        ("sample", Policy.SUM, 10),
        ("secret", Policy.SUM, 20),
    ]


def test_an_interactor() -> None:
    assets = f'{CHECKER}<interactor><source path="files/talk.py" type="python.3"/></interactor>'
    package = package_of(problem(assets=assets), **{"files/talk.py": "1"})
    assert package.interactor is not None
    assert (package.interactor.program.language, package.interactor.protocol) == ("py", "testlib")
    assert package.checker is not None
    assert package.types == (ProblemType.PASS_FAIL, ProblemType.INTERACTIVE)
    assert (package.samples[0].input, package.samples[0].answer) == (None, None)


def test_validators_and_resources_for_solutions() -> None:
    assets = (
        f'{CHECKER}<validators><validator><source path="files/val.cpp" type="cpp.g++17"/></validator>'
        '<validator><source path="files/val.pas" type="pas.fpc"/></validator></validators>'
    )
    grader = '<file path="files/grader.cpp" type="cpp.g++17"><assets><asset name="solution"/></assets></file>'
    files = {"files/val.cpp": "1", "files/val.pas": "1", "files/grader.cpp": "1"}
    package = package_of(problem(assets=assets, resources=RESOURCES + grader), **files)
    assert [(program.name, program.language) for program in package.input_validators] == [
        ("files/val.cpp", "cpp"),
        ("files/val.pas", ""),
    ]
    assert package.includes == {"cpp": {"grader.cpp": "files/grader.cpp"}}
    # It has a `main` of its own, or needs the solution's functions.
    assert package.checker is not None
    assert "grader.cpp" not in package.checker.program.files
    assert [warning.path for warning in package.warnings] == ["files/val.pas"]


def test_line_ends_of_windows_are_a_warning() -> None:
    package = package_of(problem(), **{"tests/01": "1\r\n"})
    assert [warning.path for warning in package.warnings] == ["tests/01"]


@pytest.mark.parametrize(
    ("xml", "fault"),
    [
        (problem().replace("tests/%02d.a", "tests/%02d.b"), "download the full package, and not the standard one"),
        (problem(count=3, tests=""), "tests/03.a: The test's file is missing."),
        (problem(judging='run-count="2"'), "`run-count` is not 1: programs use standard input"),
        (
            problem(groups='<group name="secret"><dependencies><dependency group="x"/></dependencies></group>'),
            "A group depends on the group 'x', and there is none.",
        ),
        (problem(count=10**9, tests=""), "There are 1000000000 tests; there may be 100."),
        (problem(count=0, tests=""), "There is no test."),
        (problem(judging='input-file="a.in" output-file=""'), "`input-file` is not stdin: programs use standard input"),
        (problem(judging='input-file="stdin" output-file="b.out"'), "`output-file` is not stdout: programs use"),
        (problem(assets=""), "There is no checker."),
        (problem(solutions='<solution tag="main"/>' * 501), "There are more than 500 programs at assets/solutions"),
        (problem(assets='<checker type="testlib"><source path="nowhere.cpp"/></checker>'), "source is missing"),
        (problem(assets=CHECKER.replace("testlib", "other")), "is not of the type testlib"),
        (problem(assets=CHECKER.replace("cpp.g++17", "pas.fpc")), "does not work here"),
        (problem(assets=CHECKER.replace("cpp.g++17", "python.2")), "does not work here"),
        (problem(scored(("a" * 201, 1), ("b", 1))), "The name of a group has over 200 characters."),
        (problem(memory=1 << 45), "The memory limit is more than"),
        (problem(scored(("a", -1), ("a", 1))), "is not a number of at least 0"),
        (problem(scored(("a", 1), ("b", 1)), groups='<group name="a" points-policy="luck"/>'), "policy"),
        (problem().replace("tests/%02d", "tests/%s"), "A path pattern"),
        (problem().replace("tests/%02d", "tests/%099999999d"), "A path pattern"),
        (problem().replace('name="tests"', "").replace("testset", "other"), "There is no testset."),
        (problem(head='<!DOCTYPE p SYSTEM "file:///etc/passwd">'), "document type or entities"),
        (problem(head='<!DOCTYPE p [<!ENTITY a "aaaa">]>'), "document type or entities"),
        (problem().replace("Sum", "&unknown;"), "The XML cannot be read."),
        ("<problem>", "The XML cannot be read."),
        ('<?xml version="1.0" encoding="nonsense"?><problem/>', "The XML cannot be read."),
        ("<a>" * 100_000, "The XML cannot be read."),
        (" " * (4 * MIB + 1), "The file has"),
    ],
)
def test_faults(xml: str, fault: str) -> None:
    assert any(fault in text for text in faults_in(xml))


def test_groups_that_depend_on_each_other() -> None:
    groups = "".join(
        f'<group name="{name}"><dependencies><dependency group="{other}"/></dependencies></group>'
        for name, other in (("a", "b"), ("b", "a"))
    )
    assert "depend on each other" in faults_in(problem(scored(("a", 1), ("b", 1)), groups=groups))[0]


def solution(tag: str) -> JurySubmission:
    source = '<source path="solutions/main.cpp" type="cpp.g++17"/>'
    return package_of(problem(solutions=f'<solution tag="{tag}">{source}</solution>')).submissions[0]


class TestSolutions:
    @pytest.mark.parametrize(
        ("tag", "good", "bad"),
        [
            ("main", "AA", "AW"),
            ("accepted", "AA", "TA"),
            ("wrong-answer", "WT", "AT"),
            ("presentation-error", "AW", "AA"),
            ("time-limit-exceeded", "WT", "WA"),
            ("memory-limit-exceeded", "AM", "AT"),
            ("time-limit-exceeded-or-accepted", "AA", "AW"),
            ("time-limit-exceeded-or-accepted", "WT", "MA"),
            ("time-limit-exceeded-or-memory-limit-exceeded", "AM", "AW"),
            ("rejected", "AM", "AA"),
            ("failed", "TA", "AA"),
        ],
    )
    def test_tags(self, tag: str, good: str, bad: str) -> None:
        names = {"A": Verdict.ACCEPTED, "W": Verdict.WRONG_ANSWER, "T": Verdict.TIME_LIMIT, "M": Verdict.MEMORY_LIMIT}
        for letters, is_met in ((good, True), (bad, False)):
            tests = [JuryTest(str(number), names[letter]) for number, letter in enumerate(letters)]
            assert (not unmet(solution(tag), tests[0].verdict, None, None, tests, {})) is is_met

    def test_a_test_with_less_than_its_points_is_not_accepted(self) -> None:
        tests = [JuryTest("01", Verdict.ACCEPTED, is_full=False)]
        assert unmet(solution("main"), tests[0].verdict, 5, 10, tests, {}) != []

    def test_others_are_not_run(self) -> None:
        assert solution("do-not-run").not_run
        assert solution("strange").not_run


def test_resources_count_as_files_of_the_checker() -> None:
    files = {"problem.xml": problem(), **FILES, "files/testlib.h": "x" * 1000}
    assert fault_texts(files, checker_bytes=1012) == ["files/check.cpp: Its files have 1013 bytes; they may have 1012."]
    assert read(files, checker_bytes=1013).checker is not None
    resources = '<file path="files/testlib.h" type="h.g++"><assets><asset name="solution"/></assets></file>'
    files["problem.xml"] = problem(resources=resources)
    assert "What every language includes is too large" in " ".join(fault_texts(files, checker_bytes=999))
