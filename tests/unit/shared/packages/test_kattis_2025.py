"""Packages of 2025-09."""

import pytest

from shared.judging.grading.scheme import Fold, Policy, ScoreRule
from shared.judging.packages.fields import replace_constants
from shared.judging.packages.model import DataKind, Package, PackageFormat, ProblemType, Sample
from shared.judging.packages.programs import main_file
from shared.records.problems.files import needed_files
from tests.problem_packages import MIB, NEW, NEW_YAML, TESTS, fault_texts, read

SCORING = f"{NEW_YAML}type: scoring\n"
CHECKER = {"output_validator/check.cpp": "int main() {}"}


def with_yaml(text: str, **files: str) -> dict[str, str | bytes]:
    return {**NEW, "problem.yaml": NEW_YAML + text, **files}


def scoring(groups: dict[str, str], secret: str = "") -> dict[str, str | bytes]:
    """Return a scoring problem whose secret groups have two tests each, by their `test_group.yaml`."""
    files: dict[str, str | bytes] = {"problem.yaml": SCORING, "data/secret/test_group.yaml": secret}
    for name, text in groups.items():
        files[f"data/secret/{name}/test_group.yaml"] = text
        files |= {f"data/secret/{name}/{test}{ending}": "" for test in "ab" for ending in (".in", ".ans")}
    return files


def points_of(package: Package) -> list[tuple[float | None, ScoreRule]]:
    return [(test.points, test.rule) for test in package.scheme.tests]


def test_a_plain_problem() -> None:
    package = read(NEW)
    assert (package.format, package.types) == (PackageFormat.KATTIS_2025_09, (ProblemType.PASS_FAIL,))
    assert (package.scheme.fold, package.scheme.points) == (Fold.KATTIS_2025_09, 1)
    assert [group.name for group in package.scheme.groups] == ["", "sample", "secret"]
    assert (package.time_limit_rule.from_accepted, package.time_limit_rule.must_separate) == (2, True)
    assert package.warnings == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("type: [scoring, pass-fail]", "has a value twice, or both"),
        ("type: [interactive, interactive]", "has a value twice, or both"),
        ("type: submit-answer", "has `submit-answer`, which is not supported."),
        ("type: fun", "has an unknown value: fun."),
        ("type: multi-pass", "needs an output validator, and there is none."),
        ("validation: custom", "`validation` is not a key that is known here."),
        ("limits: {time_limit: 1.5}", "is not a multiple of the time resolution, 1 s."),
        (
            "limits: {time_limit: 1.5, time_resolution: 0.5, validation_passes: 1}",
            "is not a whole number of at least 2",
        ),
        ("limits: {time_multipliers: {ac_to_time_limit: 0.5}}", "is not a number of at least 1."),
        ("limits: {validation_passes: 101}", "is more than 100."),
        ("languages: [apl]", "has no language that is here."),
        ("constants: {1a: 2}", "is not a constant"),
        ("constants: {a: {other: 2}}", "is not a constant"),
        ("keywords: {a: &x b}", "aliases"),
    ],
)
def test_faults_of_the_metadata(text: str, fault: str) -> None:
    assert any(fault in listed for listed in fault_texts(with_yaml(text)))


def test_name_and_uuid_are_required() -> None:
    assert fault_texts({"problem.yaml": "problem_format_version: 2025-09-draft\n", **TESTS}) == [
        "problem.yaml: `name` is missing.",
        "problem.yaml: `uuid` is missing.",
    ]


def test_a_sum_of_tests_shares_the_points() -> None:
    package = read({"problem.yaml": SCORING, **TESTS, "data/secret/02.in": "", "data/secret/02.ans": ""})
    assert package.scheme.points == 100
    assert points_of(package) == [(0, ScoreRule.IGNORED), (50, ScoreRule.BOUNDED), (50, ScoreRule.BOUNDED)]


def test_groups_and_what_they_require() -> None:
    groups = {
        "1": "max_score: 30\n",
        "2": "max_score: 20\nscore_aggregation: sum\nrequire_pass: secret/1\n",
        "3": "max_score: 50\nscore_aggregation: min\nrequire_pass: [sample, secret/1]\n",
    }
    package = read(scoring(groups))
    assert [(group.name, group.policy, group.points, group.requires) for group in package.scheme.groups[3:]] == [
        ("secret/1", Policy.ALL, 30, ()),
        ("secret/2", Policy.SUM, 20, ("secret/1",)),
        ("secret/3", Policy.MIN, 50, ("sample", "secret/1")),
    ]
    none, bounded = ScoreRule.NONE, ScoreRule.BOUNDED
    assert points_of(package) == [(0, none)] * 2 + [(10, bounded)] * 2 + [(50, bounded)] * 2


def test_an_unbounded_secret() -> None:
    package = read(scoring({"1": "score_aggregation: sum\n"}, "max_score: unbounded\n"))
    assert package.scheme.points is None
    assert points_of(package) == [(None, ScoreRule.ABSOLUTE)] * 2


@pytest.mark.parametrize(
    ("groups", "secret", "fault"),
    [
        ({"1": ""}, "", "`max_score` is missing"),
        ({"1": "score_aggregation: sum"}, "", "`max_score` is missing"),
        ({"1": ""}, "max_score: unbounded", "`max_score` is missing"),
        ({"1": "max_score: 5\nscore_aggregation: sum"}, "score_aggregation: pass-fail", "must be `pass-fail`"),
        ({"1": "max_score: 5\nrequire_pass: secret/2", "2": "max_score: 5"}, "", "'secret/2', which is no earlier"),
        ({"1": "max_score: 5\nscore_aggregation: sum", "2": "max_score: 5\nrequire_pass: secret/1"}, "", "no earlier"),
        ({"1": "max_score: 5\nrequire_pass: secret/1"}, "", "no earlier"),
        ({"1": "max_score: 5\nrequire_pass: secret"}, "", "no earlier"),
        ({"1": "max_score: 1.5"}, "", "is not a whole number"),
        ({"1": "max_score: 5\nstatic_validation_score: 5"}, "", "`static_validation_score` is not supported."),
        ({"1": "max_score: 5\ncolor: red"}, "", "`color` is not a key that is known here."),
        ({"1": "max_score: 5\nscore_aggregation: best"}, "", "is none of: pass-fail, sum, min."),
    ],
)
def test_faults_of_groups(groups: dict[str, str], secret: str, fault: str) -> None:
    assert any(fault in listed for listed in fault_texts(scoring(groups, secret)))


def test_tests_beside_groups_are_faults() -> None:
    files = scoring({"1": "max_score: 100"})
    assert "tests beside groups" in fault_texts({**files, "data/secret/x.in": "", "data/secret/x.ans": ""})[0]
    plain = {"data/secret/2/a.in": "", "data/secret/2/a.ans": ""}
    assert any("though other folders" in text for text in fault_texts({**files, **plain}))
    nested = {"data/secret/1/deep/test_group.yaml": "", "data/secret/1/deep/a.in": "", "data/secret/1/deep/a.ans": ""}
    assert "Only folders in `secret` are groups" in fault_texts({**files, **nested})[0]
    assert "problems of the type `scoring`" in fault_texts({**NEW, "data/sample/test_group.yaml": "max_score: 1"})[0]


def test_a_folder_without_its_file_is_no_group() -> None:
    package = read({**NEW, "data/secret/deep/a.in": "", "data/secret/deep/a.ans": ""})
    assert [(test.name, test.group) for test in package.tests[1:]] == [
        ("secret/01", "secret"),
        ("secret/deep/a", "secret"),
    ]


def test_what_a_test_gets() -> None:
    files = {
        "data/secret/test_group.yaml": "output_validator_args: [float_tolerance, '{{EPS}}']\nargs: [a]\n",
        "data/secret/01.yaml": "args: [--n, 3]\ninput_validator_args: {check: [x]}\nhint: try\n",
        "data/secret/01.files/in/table.txt": "1",
        "data/secret/02.in": "",
        "data/secret/02.ans": "",
    }
    package = read(with_yaml("constants: {EPS: {value: '1e-3', TEX: '10^{-3}'}}", **files))
    sample, first, second = package.tests
    assert (sample.args, first.args, second.args) == ((), ("--n", "3"), ("a",))
    assert first.checker_args == second.checker_args == package.checker_args == ("float_tolerance", "1e-3")
    assert first.files == {"in/table.txt": "data/secret/01.files/in/table.txt"}
    assert (first.args_for("check"), first.args_for("other"), second.args_for("check")) == (("x",), (), ())
    assert package.constants == {"EPS": "1e-3", "EPS.value": "1e-3", "EPS.TEX": "10^{-3}"}
    assert (
        replace_constants(b"{{EPS}} {{EPS.TEX}} {{OTHER}} {EPS}", package.constants) == b"1e-3 10^{-3} {{OTHER}} {EPS}"
    )


class TestConstantsAreBounded:
    LONG = f"constants: {{a: {'x' * 1000}}}"

    @pytest.mark.parametrize(
        "text",
        [
            f"{{a: {'x' * 1001}}}",
            f"{{a: {{value: 1, form: {'x' * 1001}}}}}",
            f"{{{', '.join(f'{name}: {1000 * name}' for name in 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL')}}}",
        ],
    )
    def test_themselves(self, text: str) -> None:
        own = {"data/secret/test_group.yaml": "args: [" + "'{{a}}'," * 10_000 + "]"}
        texts = fault_texts(with_yaml(f"constants: {text}", **own))
        assert texts[0].startswith("problem.yaml: `constants` has a value of over 1000 characters")

    def test_in_yaml(self) -> None:
        own = {"data/secret/test_group.yaml": f"#{'{{a}}' * 300}"}
        assert "With its constants replaced the file has over 262144" in fault_texts(with_yaml(self.LONG, **own))[0]
        own = {f"data/secret/{number}/test_group.yaml": f"#{'{{a}}' * 200}" for number in range(30)}
        assert "over 4194304 bytes" in fault_texts(with_yaml(self.LONG, **own))[0]

    def test_in_programs(self) -> None:
        text = "{{a}}" * 10
        for path in ("output_validator/check.py", "include/default/a"):
            files = with_yaml(self.LONG, **{path: text})
            assert "With constants its files have over 9999 bytes." in fault_texts(files, checker_bytes=9999)[0]
            assert read(files, checker_bytes=10_000).constants
        many = {"output_validator/check.py": "{{" * 500_001, "output_validator/more.py": "{{" * 500_000}
        assert "over 1000000 times" in fault_texts(with_yaml(self.LONG, **many), checker_bytes=3_000_000)[0]

    def test_where_they_are_replaced(self) -> None:
        assert replace_constants(b"{{a}} {{b}}", {"a": "xxxx"}, 10) == b"xxxx {{b}}"
        with pytest.raises(ValueError, match="over 9 bytes"):
            replace_constants(b"{{a}} {{b}}", {"a": "xxxx"}, 9)


def test_arguments_of_the_default_checker_are_strict() -> None:
    text = "output_validator_args: [float_tolerance, 1e-3, float_relative_tolerance, 1]\n"
    assert "has set what" in fault_texts({**NEW, "data/secret/test_group.yaml": text})[0]
    package = read({**NEW, **CHECKER, "data/secret/test_group.yaml": text})
    assert package.tests[1].checker_args[2:] == ("float_relative_tolerance", "1")


def test_tests_of_the_validators() -> None:
    files = {
        "data/invalid_input/a.in": "",
        "data/invalid_output/deep/b.in": "",
        "data/invalid_output/deep/b.ans": "",
        "data/invalid_output/deep/b.out": "",
        "data/valid_output/c.in": "",
        "data/valid_output/c.ans": "",
        "data/valid_output/c.out": "",
        "data/valid_output/c.yaml": "output_validator_args: [case_sensitive]\n",
    }
    package = read({**NEW, **files})
    assert [(data.kind, data.test.name, data.output) for data in package.data_tests] == [
        (DataKind.INVALID_INPUT, "invalid_input/a", ""),
        (DataKind.INVALID_OUTPUT, "invalid_output/deep/b", "data/invalid_output/deep/b.out"),
        (DataKind.VALID_OUTPUT, "valid_output/c", "data/valid_output/c.out"),
    ]
    assert package.data_tests[2].test.checker_args == ("case_sensitive",)
    assert len(package.tests) == 2
    del files["data/valid_output/c.out"]
    assert fault_texts({**NEW, **files}) == ["data/valid_output/c.in: There is no c.out beside it."]
    long = {"data/invalid_input/a.in": "x" * 11}
    assert fault_texts({**NEW, **long}, test_bytes=10) == [
        "data/invalid_input/a.in: The file has 11 bytes; it may have 10."
    ]


def test_samples_show_what_the_statement_shows() -> None:
    files = {"data/sample/1.in.statement": "x", "data/sample/1.out": "y"}
    sample = read({**NEW, **files}).samples[0]
    assert (sample.input, sample.answer) == ("data/sample/1.in.statement", "data/sample/1.out")
    long = dict.fromkeys((*files, "data/sample/1.interaction"), "x" * (MIB + 1))
    package = read({**NEW, **long})
    assert package.samples == (Sample("sample/1", "data/sample/1.in", "data/sample/1.ans", None),)
    assert not {file.entry for file in needed_files(package)} & set(long)


def test_includes_by_language() -> None:
    files = {
        "include/default/data.txt": "",
        "include/cpp/lib/main.cpp": "",
        "include/apl/x": "",
        "include/klingon/x": "",
    }
    package = read({**NEW, **files})
    assert package.includes == {
        "": {"data.txt": "include/default/data.txt"},
        "cpp": {"lib/main.cpp": "include/cpp/lib/main.cpp"},
    }
    assert [warning.path for warning in package.warnings] == ["include/klingon"]
    assert main_file(package.includes["cpp"], "cpp") == "lib/main.cpp"
    assert main_file(package.includes["cpp"], "py") is None


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ({"output_validator/a.py": 600, "output_validator/b.py": 401}, "output_validator: Its files have 1001 bytes"),
        ({"include/default/a": 600, "include/cpp/b": 401}, "include: What C++ includes is too large"),
        ({"data/secret/01.files/a": 600, "data/secret/01.files/b": 401}, "data/secret/01.files: Its files have 1001"),
        ({f"data/secret/01.files/{number}": 0 for number in range(257)}, "01.files: It has more than 256 files"),
    ],
)
def test_files_of_programs_are_bounded(sizes: dict[str, int], fault: str) -> None:
    files = {**NEW, **{path: "x" * size for path, size in sizes.items()}}
    assert fault in fault_texts(files, checker_bytes=1000)[0]


def test_what_is_missing_is_a_warning() -> None:
    files = {path: text for path, text in NEW.items() if "secret" not in path and "submissions" not in path}
    others = {"graders/a.py": "1", "submissions/acepted/a.py": "1", "submissions/acepted/b.py": "1"}
    assert [warning.detail for warning in read({**files, **others}).warnings] == [
        "The folder is not read: this format has no graders.",
        "There is no secret test.",
        "The folder is not known, and nothing says what is expected.",
        "There is no accepted submission.",
    ]


def test_arguments_are_bounded() -> None:
    own = {"data/secret/test_group.yaml": f"args: [{'x' * 40_000}]\n"}
    assert "over 32768 bytes" in fault_texts({**NEW, **own})[0]
    own = {"data/test_group.yaml": f"input_validator_args: [{'x' * 30_000}]\nargs: [a]\noutput_validator_args: [a]\n"}
    assert "no argument 'a' of `icpc`" in fault_texts({**NEW, **own})[0]
    many = ", ".join("a" * 257)
    for text in (f"[{many}]", f"{{check: [{many}]}}", f"{{{', '.join(f'v{number}: a' for number in range(200))}}}"):
        own = {"data/test_group.yaml": f"input_validator_args: {text}\n"}
        assert "`input_validator_args` is refused: There are more than 256" in fault_texts({**NEW, **own})[0]
    own = {"data/test_group.yaml": f"input_validator_args: [{'x' * 30_000}]\n"}
    tests = {f"data/secret/x{number}{ending}": "" for number in range(40) for ending in (".in", ".ans")}
    assert fault_texts({**NEW, **own, **tests}) == ["data: The arguments of all tests have over 1048576 characters."]
    names = "".join(f"  {'x' * 1000}{number}: a\n" for number in range(30))
    own = {"data/invalid_input/test_group.yaml": f"input_validator_args:\n{names}"}
    tests = {f"data/invalid_input/x{number}.in": "" for number in range(40)}
    assert fault_texts({**NEW, **own, **tests}) == ["data: The arguments of all tests have over 1048576 characters."]


def test_titles_are_lines() -> None:
    names = "".join(f"  l{number}: x\n" for number in range(60))
    text = f'problem_format_version: 2025-09\nuuid: x\nname:\n  en: "two\\nlines {"x" * 300}"\n{names}'
    package = read({**NEW, "problem.yaml": text})
    assert package.title.startswith("two lines xxx")
    assert (len(package.title), len(package.titles)) == (200, 50)


def test_texts_of_faults_are_bounded() -> None:
    texts = fault_texts(with_yaml(f"{'k' * 5000}: 1\nconstants: {{{'1' * 5000}: 1}}\n"))
    assert max(map(len, texts)) < 1000
