"""Legacy packages of Kattis and the ICPC, with what DOMjudge adds, and those of 2023-07."""

from typing import Any

import pytest

from shared.judging.grading.scheme import Fold, Policy, ScoreRule
from shared.judging.packages.model import Package, PackageFormat, ProblemType, Sample
from tests.problem_packages import LEGACY, MIB, TESTS, fault_texts, read

SCORING = "name: Sum\ntype: scoring\n"


def with_yaml(text: str, **files: str) -> dict[str, str | bytes]:
    return {**LEGACY, "problem.yaml": text, **files}


def groups_of(package: Package) -> dict[str, Any]:
    return {group.name: group for group in package.scheme.groups}


def warnings_of(package: Package) -> list[str]:
    return [f"{warning.path}: {warning.detail}" for warning in package.warnings]


def test_a_plain_problem() -> None:
    package = read(LEGACY)
    assert (package.format, package.title) == (PackageFormat.LEGACY, "Sum")
    assert package.types == (ProblemType.PASS_FAIL,)
    assert (package.checker, package.interactor, package.languages) == (None, None, None)
    assert [(test.number, test.name, test.group, test.is_sample) for test in package.tests] == [
        (1, "sample/1", "sample", True),
        (2, "secret/01", "secret", False),
    ]
    assert (package.scheme.fold, package.scheme.points, package.scheme.is_scoring) == (Fold.LEGACY, 1, False)
    assert {group.policy for group in package.scheme.groups} == {Policy.ALL}
    assert package.limits.cpu_s is None
    assert (package.limits.memory_bytes, package.limits.source_bytes) == (2048 * MIB, 128 * 1024)
    assert package.warnings == ()


def test_of_a_key_that_is_there_twice_the_last_one_counts() -> None:
    package = read(with_yaml("type: scoring", **{"data/testdata.yaml": "accept_score: 3\naccept_score: 4\n"}))
    assert package.scheme.tests[0].points == 4
    assert warnings_of(package) == ["data/testdata.yaml: A key is there twice in line 1 or below; the last one counts."]


def test_old_scores_of_a_problem_without_points_are_warnings() -> None:
    package = read(with_yaml("name: Sum\ngrading: {accept_score: 3, on_reject: grade}\n"))
    assert any("grading" in warning for warning in warnings_of(package))
    assert package.scheme.points == 1


@pytest.mark.parametrize(
    ("files", "titles"),
    [
        ({"problem.yaml": "", "problem_statement/problem.sv.tex": "\\problemname{Summa {A}}\n"}, {"sv": "Summa {A}"}),
        ({"problem.yaml": "", "problem_statement/problem.tex": "%% plainproblemname: Plain\n"}, {"en": "Plain"}),
        ({"problem.yaml": ""}, {"en": "sum"}),
        ({"problem.yaml": "name: 2048"}, {"en": "2048"}),
        ({"problem.yaml": "name: {en: Brickwork, nl: Metselwerk}"}, {"en": "Brickwork", "nl": "Metselwerk"}),
        ({"domjudge-problem.ini": "name = 'From the judge'\npoints=1\n"}, {"en": "From the judge"}),
    ],
)
def test_titles(files: dict[str, str], titles: dict[str, str]) -> None:
    assert read({**TESTS, **files}).titles == titles


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("color: red", "`color` is not a key that is known here."),
        ("limits: {time: 1}", "`limits.time` is not a key that is known here."),
        ("limits: 1", "`limits` is not a mapping."),
        ("- a", "The file is not a mapping."),
        ("limits: {memory: 0}", "`limits.memory` is not a number over 0."),
        ("limits: {memory: 8192}", "`limits.memory` is more than this service allows: 4096."),
        ("limits: {time_limit: 61}", "The time limit is more than this service allows: 60 s."),
        ("type: many", "`type` is none of: pass-fail, scoring."),
        ("problem_format_version: 1999", "`problem_format_version` is none of"),
        ("grading: {objective: min}", "`grading.objective` is `min`, which is not supported."),
        ("validation: custom", "The problem needs an output validator, and there is none."),
        ("validation: custom interactive", "The problem needs an output validator, and there is none."),
        ("validation: custom score", "has `score`, but the problem is not of the type `scoring`."),
        ("validation: default score", "is neither `default` nor `custom`"),
        ("validator_flags: float_tolerance", "A number must follow `float_tolerance`."),
        ("validator_flags: --fast", "There is no argument '--fast' of `icpc`"),
        ("a: [", "The YAML cannot be read"),
    ],
)
def test_faults_of_the_metadata(text: str, fault: str) -> None:
    assert any(fault in listed for listed in fault_texts(with_yaml(text)))


def test_all_faults_are_listed() -> None:
    files = with_yaml("color: red", **{"data/secret/2.in": "", "data/secret/testdata.yaml": "on_reject: stop"})
    assert sorted(text.split(": ")[0] for text in fault_texts(files)) == [
        "data/secret/2.in",
        "data/secret/testdata.yaml",
        "problem.yaml",
    ]


def test_keys_without_use_are_no_faults() -> None:
    package = read(
        with_yaml("name: A\nauthor: Ada\nkeywords: old\nlibraries: gmp\ngrading: {accept_score: 3}\ntype: scoring")
    )
    assert [warning.split(" ")[1] for warning in warnings_of(package)] == ["`libraries`", "`grading.accept_score`"]
    assert package.scheme.tests[0].points == 3


def test_a_nul_is_in_no_text_of_a_package() -> None:
    ini = {"problem.yaml": "", "domjudge-problem.ini": "name = S\0um\nk\0ey = 1\n"}
    package = read({**LEGACY, **ini})
    assert package.title == "S\ufffdum"
    assert [warning.detail for warning in package.warnings] == ["`k\ufffdey` is not used."]
    title = {"problem.yaml": "", "problem_statement/problem.tex": "\\problemname{S\0um}"}
    assert read({**LEGACY, **title}).title == "S\ufffdum"


def test_flags_are_split_and_the_last_tolerance_counts() -> None:
    flags = "case_sensitive float_tolerance 1e-6 float_relative_tolerance 0.5 case_sensitive"
    package = read(with_yaml(f"validator_flags: {flags}"))
    wanted = ("float_absolute_tolerance", "1e-6", "float_relative_tolerance", "0.5", "case_sensitive")
    assert package.tests[0].checker_args == package.checker_args == wanted
    validator = {"output_validators/check.py": "print()"}
    own = {"data/secret/testdata.yaml": 'output_validator_flags: --say "two words"\n'}
    package = read(with_yaml("validation: custom\nvalidator_flags: -a -a", **validator, **own))
    assert [test.checker_args for test in package.tests] == [("-a", "-a"), ("-a", "-a", "--say", "two words")]


@pytest.mark.parametrize("key", ["grader_flags", "output_validator_flags", "input_validator_flags"])
def test_flags_are_bounded(key: str) -> None:
    for flags in ("a " * 257, "a " * 100_000):
        files = {**LEGACY, "data/testdata.yaml": f"{key}: {flags}\n"}
        assert f"`{key}` is refused: There are more than 256 arguments" in fault_texts(files)[0]
        assert "`validator_flags` is refused" in fault_texts(with_yaml(f"validator_flags: {flags}\n"))[0]
    files |= {f"data/secret/{number}/x{ending}": "" for number in range(40) for ending in (".in", ".ans")}
    files["data/testdata.yaml"] = f"{key}: {'x' * 30_000}\n"
    assert "data: The arguments of all tests have over 1048576 characters." in fault_texts(files)


def test_tests_with_the_same_flags_share_their_arguments() -> None:
    first, second = read(with_yaml("validator_flags: float_tolerance 1e-6")).tests
    assert first.checker_args is second.checker_args


def test_tests_and_groups_have_one_order() -> None:
    names = ("b", "a/2", "a/1", "a-c", "c/d/e", "10", "9")
    files = {f"data/secret/{name}{ending}": "" for name in names for ending in (".in", ".ans")}
    package = read({"problem.yaml": "", **files})
    assert [test.name.removeprefix("secret/") for test in package.tests] == [
        "10",
        "9",
        "a/1",
        "a/2",
        "a-c",
        "b",
        "c/d/e",
    ]
    assert list(groups_of(package)) == ["", "secret", "secret/a", "secret/c", "secret/c/d"]
    assert groups_of(package)["secret"].children == (1, 2, "secret/a", 5, 6, "secret/c")


def test_files_without_partner_are_faults() -> None:
    files = {**LEGACY, "data/secret/2.in": "", "data/secret/3.ans": "", "data/secret/4.hint": ""}
    assert fault_texts(files) == [
        "data/secret/2.in: There is no 2.ans beside it.",
        "data/secret/3.ans: There is no 3.in beside it.",
    ]
    assert fault_texts({"problem.yaml": ""}) == ["data: There is no test."]


def test_groups_hand_their_keys_down() -> None:
    files = {
        "data/testdata.yaml": "range: 0 100\ngrader_flags: ignore_sample\non_reject: continue\n",
        "data/secret/testdata.yaml": "accept_score: 20\ninput_validator_flags: n=1\n",
        "data/secret/one/testdata.yaml": "on_reject: break\ngrader_flags: min\nrange: [0, 20]\n",
        "data/secret/one/a.in": "",
        "data/secret/one/a.ans": "",
    }
    package = read(with_yaml(SCORING, **files))
    groups = groups_of(package)
    assert package.scheme.points == 100
    assert [groups[name].policy for name in ("", "secret", "secret/one")] == [Policy.SUM, Policy.SUM, Policy.MIN]
    assert [groups[name].breaks for name in ("", "secret", "secret/one")] == [False, False, True]
    assert (groups["secret/one"].low, groups["secret/one"].high, groups["secret/one"].points) == (0, 20, 20)
    assert [test.points for test in package.scheme.tests] == [1, 20, 20]
    assert package.tests[1].args_for("any") == ("n=1",)


def test_points_without_a_range_are_what_the_flags_give() -> None:
    files = {"data/testdata.yaml": "grader_flags: ignore_sample\n", "data/secret/testdata.yaml": "accept_score: 7\n"}
    assert read(with_yaml(SCORING, **files)).scheme.points == 7
    files["data/secret/testdata.yaml"] = "accept_score: 7\nrange: -inf +inf\n"
    package = read(with_yaml(SCORING, **files))
    assert (package.scheme.points, groups_of(package)["secret"].high) == (7, None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("grader_flags: best", "has an unknown flag: best."),
        ("on_reject: stop", "is none of: break, continue."),
        ("range: 1 0", "is not two numbers"),
        ("range: nan 1", "is not two numbers"),
        ("accept_score: many", "is not a number"),
        ("accept_score: 1.0e+300", "is not a number"),
        ("colour: red", "is not a key that is known here"),
        ("grading: custom", "needs a grader"),
    ],
)
def test_faults_of_groups(text: str, fault: str) -> None:
    assert any(fault in listed for listed in fault_texts(with_yaml(SCORING, **{"data/testdata.yaml": text})))


@pytest.mark.parametrize("text", ["accept_score: 2", "reject_score: 0", "range: 0 1"])
def test_scores_in_a_pass_fail_problem_are_faults(text: str) -> None:
    assert "problems of the type `scoring`" in fault_texts({**LEGACY, "data/testdata.yaml": text})[0]


def test_a_custom_score_is_required_and_unbounded() -> None:
    text = f"{SCORING}validation: custom score\n"
    package = read(with_yaml(text, **{"output_validators/v/check.cc": "int main() {}"}))
    test = package.scheme.tests[1]
    assert (test.rule, test.points, test.may_be_negative) == (ScoreRule.ABSOLUTE, None, True)
    assert package.scheme.points is None


def test_a_custom_grader() -> None:
    grader = {"graders/grade.py": "print('AC 1')", "data/secret/testdata.yaml": "grading: custom\ngrader_flags: --x 1"}
    package = read(with_yaml(SCORING, **grader))
    assert package.grader is not None
    assert (package.grader.name, package.grader.entry) == ("graders/grade.py", "grade.py")
    secret = groups_of(package)["secret"]
    assert (secret.policy, secret.grader_flags, package.scheme.points) == (Policy.CUSTOM, ("--x", "1"), None)
    assert "No group has" in fault_texts(with_yaml(SCORING, **{"graders/grade.py": "1"}))[0]
    assert (
        "Its files have 13 bytes; they may have 12." in fault_texts(with_yaml(SCORING, **grader), checker_bytes=12)[0]
    )
    assert "more than one grader" in fault_texts(with_yaml(SCORING, **grader, **{"graders/b.py": "1"}))[0]


class TestCheckers:
    @pytest.mark.parametrize(
        ("files", "entry", "language", "paths"),
        [
            ({"output_validators/check.py": "1"}, "check.py", "py", {"check.py"}),
            ({"output_validators/v/b.cc": "1", "output_validators/v/b.h": ""}, "b.cc", "cpp", {"b.cc", "b.h"}),
            ({"output_validators/b.cc": "1", "output_validators/b.h": ""}, "b.cc", "cpp", {"b.cc", "b.h"}),
            ({"output_validator/check.py": "1", "output_validator/x.py": "1"}, "check.py", "py", {"check.py", "x.py"}),
            (
                {"output_validators/v/a.py": "1", "output_validators/v/main.py": "1"},
                "main.py",
                "py",
                {"a.py", "main.py"},
            ),
            (
                {"output_validators/v/Z.java": "1", "output_validators/v/Main.java": "1"},
                "Main.java",
                "java",
                {"Z.java", "Main.java"},
            ),
            (
                {"output_validators/v/a/main.c": "1", "output_validators/v/main.c": "1"},
                "main.c",
                "c",
                {"a/main.c", "main.c"},
            ),
            ({"output_validators/v/build": "1", "output_validators/v/x.c": "1"}, "run", "dash", {"build", "x.c"}),
            ({"output_validators/v/run": "1"}, "run", "dash", {"run"}),
            ({"output_validators/README": "", "output_validators/v/a.py": "1"}, "a.py", "py", {"a.py"}),
        ],
    )
    def test_programs(self, files: dict[str, str], entry: str, language: str, paths: set[str]) -> None:
        package = read(with_yaml("validation: custom", **files))
        assert package.checker is not None
        program = package.checker.program
        assert (program.entry, program.language, set(program.files)) == (entry, language, paths)
        assert (program.build == "build") is ("build" in paths)
        assert program.is_scripts is (language == "dash")

    @pytest.mark.parametrize(
        ("text", "files", "fault"),
        [
            ("", {"output_validators/check.py": "1"}, "`validation` is not `custom`"),
            ("validation: custom", {"output_validators/a/a.py": "1", "output_validators/b/b.py": "1"}, "more than one"),
            ("validation: custom", {"output_validators/a.py": "1", "output_validators/b.py": "1"}, "more than one"),
            ("validation: custom", {"output_validators/a.go": "1"}, "Go does not work here."),
            ("validation: custom", {"output_validators/a.py2": "1"}, "does not work here."),
            ("validation: custom", {"output_validators/a.py": "#!/usr/bin/env python2\n"}, "does not work here."),
            ("validation: custom", {"output_validators/a.py": ""}, "is empty"),
            ("validation: custom", {}, "there is none"),
            ("validation: custom", {"output_validators/README": "x"}, "no file here is of a known language"),
            ("validation: custom", {"output_validator/v.zz": "x"}, "no file here is of a known language"),
            ("validation: custom", {"output_validators/a.py": "1", "output_validators/b/b.py": "1"}, "more than one"),
            ("validation: custom", {"output_validators/a.py": "1", "output_validators/b/run": "1"}, "more than one"),
        ],
    )
    def test_faults(self, text: str, files: dict[str, str], fault: str) -> None:
        assert fault in fault_texts(with_yaml(text, **files))[0]

    def test_interactive_and_multi_pass(self) -> None:
        files = {"output_validators/talk.py": "1", "data/sample/2.interaction": "<1\n>2\n"}
        package = read(with_yaml("validation: custom interactive multi-pass\nlimits: {validation_passes: 7}", **files))
        assert package.checker is None
        assert package.interactor is not None
        assert package.types == (ProblemType.PASS_FAIL, ProblemType.INTERACTIVE, ProblemType.MULTI_PASS)
        assert package.limits.passes == 7
        assert package.samples == (
            Sample("sample/1", None, None, None),
            Sample("sample/2", None, None, "data/sample/2.interaction"),
        )

    def test_an_input_validator_that_cannot_run_is_a_warning(self) -> None:
        files = {"input_validators/a.go": "1", "input_validators/b.ctd": "1", "input_format_validators/c/c.py": "1"}
        package = read({**LEGACY, **files})
        assert [(program.name, program.language) for program in package.input_validators] == [
            ("input_validators/a.go", ""),
            ("input_validators/b.ctd", ""),
            ("input_format_validators/c", "py"),
        ]
        assert warnings_of(package) == [
            "input_validators/a.go: Go does not work here.",
            "input_validators/b.ctd: Checktestdata and VIVA are not run.",
        ]


class TestTimeLimits:
    def test_domjudge(self) -> None:
        ini = {"domjudge-problem.ini": "timelimit = '2.5'\nspecial_run = x\ncid=1\nnonsense\npoints=1\n"}
        package = read({**LEGACY, **ini})
        assert package.limits.cpu_s == 2.5
        assert warnings_of(package) == [
            f"domjudge-problem.ini: `{key}` is not used." for key in ("special_run", "cid", "nonsense")
        ]
        assert read({**LEGACY, **ini, ".timelimit": "2.5"}).limits.cpu_s == 2.5
        assert "different time limits: 2.5, 3 s" in fault_texts({**LEGACY, **ini, ".timelimit": "3"})[0]
        assert read(with_yaml("limits: {time_limit: 4}")).limits.cpu_s == 4

    @pytest.mark.parametrize(
        ("files", "fault"),
        [
            ({".timelimit": "fast"}, ".timelimit: The time limit is not a number over 0."),
            ({".timelimit": "0"}, ".timelimit: The time limit is not a number over 0."),
            ({"domjudge-problem.ini": "timelimit=x"}, "domjudge-problem.ini: The time limit is not a number over 0."),
        ],
    )
    def test_faults(self, files: dict[str, str], fault: str) -> None:
        assert fault_texts({**LEGACY, **files}) == [fault]

    def test_rules(self) -> None:
        rule = read(LEGACY).time_limit_rule
        assert (rule.from_accepted, rule.from_too_slow, rule.resolution, rule.must_separate) == (5, 2, 1, False)
        rule = read(with_yaml("limits: {time_multiplier: 3, time_safety_margin: 1.5}")).time_limit_rule
        assert (rule.from_accepted, rule.from_too_slow) == (3, 1.5)


def test_2023_07_has_new_metadata_and_old_groups() -> None:
    text = "problem_format_version: 2023-07-draft\nname: {en: Sum, no: Summen}\n"
    text += "type: [scoring, interactive]\nlanguages: [python3]\n"
    files = {"output_validator/guess/guess.cc": "1", "data/secret/testdata.yaml": "accept_score: 50\n"}
    package = read(with_yaml(text, **files))
    assert (package.format, package.titles) == (PackageFormat.KATTIS_2025_09, {"en": "Sum", "no": "Summen"})
    assert package.scheme.fold is Fold.LEGACY
    assert package.scheme.tests[1].rule is ScoreRule.OPTIONAL
    assert package.interactor is not None
    assert package.interactor.program.name == "output_validator/guess"
    assert package.languages == ("py",)
    assert package.submissions[0].run is not None
    assert warnings_of(package) == ["problem.yaml: `uuid` is missing."]
