"""What the jury's submissions must get."""

import json

import pytest

from shared.engine_api.codex import Verdict
from shared.judging.packages.expectations import JuryTest, matches, of_tags, unmet
from shared.judging.packages.model import JurySubmission
from tests.problem_packages import LEGACY, MIB, NEW, fault_texts, read

AC, WA, TLE, RTE = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT, Verdict.RUNTIME_ERROR
MLE = Verdict.MEMORY_LIMIT


def submission(path: str, *, legacy: bool = False, text: str = "print(1)", rules: str = "") -> JurySubmission:
    """Return what a package says of its submission at this path below `submissions/`."""
    files = {**(LEGACY if legacy else NEW), f"submissions/{path}": text}
    if rules:
        files["submissions/submissions.yaml"] = rules
    return next(found for found in read(files).submissions if found.path == f"submissions/{path}")


def is_met(found: JurySubmission, *verdicts: Verdict, points: float | None = 1, most: float | None = 1) -> bool:
    """Return True if a submission may get these verdicts in `sample/1`, `secret/a/1`, `secret/b/1`..."""
    names = ("sample/1", "secret/a/1", "secret/b/1", "secret/c/1")
    tests = [JuryTest(name, verdict) for name, verdict in zip(names, verdicts, strict=False)]
    bad = [verdict for verdict in verdicts if verdict is not AC]
    return not unmet(found, bad[0] if bad else AC, points, most, tests, {"secret/a": 3.0})


class TestLegacyFolders:
    @pytest.mark.parametrize(
        ("folder", "good", "bad"),
        [
            ("accepted", AC, WA),
            ("wrong_answer", WA, AC),
            ("time_limit_exceeded", TLE, RTE),
            ("run_time_error", MLE, TLE),
            ("rejected", RTE, AC),
            ("rejected", Verdict.COMPILE_ERROR, AC),
        ],
    )
    def test_the_run_decides(self, folder: str, good: Verdict, bad: Verdict) -> None:
        found = submission(f"{folder}/a.py", legacy=True)
        assert is_met(found, good)
        assert not is_met(found, bad)
        assert not is_met(found, Verdict.JUDGE_ERROR)

    def test_partially_accepted_is_less_than_the_most_points(self) -> None:
        found = submission("partially_accepted/a.py", legacy=True)
        assert is_met(found, AC, points=40, most=100)
        assert not is_met(found, AC, points=100, most=100)
        assert is_met(found, AC, points=100, most=None)
        assert not is_met(found, WA, points=40, most=100)

    def test_bounds_of_the_time_limit(self) -> None:
        folders = ("accepted", "wrong_answer", "time_limit_exceeded", "run_time_error", "partially_accepted")
        found = [submission(f"{folder}/a.py", legacy=True) for folder in folders]
        assert [each.bounds_from_below for each in found] == [True, False, False, False, False]
        assert [each.bounds_from_above for each in found] == [False, False, True, False, False]


class TestTags:
    @pytest.mark.parametrize(
        ("text", "letters", "score"),
        [
            (b"// @EXPECTED_RESULTS@: CORRECT", ["AC"], None),
            (b"/* @expected_results@: timelimit, Wrong-Answer */", ["WA", "TLE"], None),
            (b"# @EXPECTED_RESULTS@: MEMORY-LIMIT,NO-OUTPUT\r\n", ["WA", "RTE"], None),
            (b"# @EXPECTED_RESULTS@: accepted, run_time_error", ["AC", "RTE"], None),
            (b"-- @EXPECTED_SCORE@: 42.5", [], 42.5),
            (b"@EXPECTED_SCORE@: WRONG-ANSWER", ["WA"], None),
        ],
    )
    def test_words(self, text: bytes, letters: list[str], score: float | None) -> None:
        expected, number = of_tags(b"int main() {}\n" + text)
        assert expected is not None
        assert (sorted(expected.verdicts), expected.score, number) == (sorted(letters), score, 1)

    def test_they_count_outside_of_the_official_folders_only(self) -> None:
        text = "# @EXPECTED_RESULTS@: WRONG-ANSWER\n"
        assert submission("mixed/a.py", legacy=True, text=text).expected == ["WA"]
        assert submission("accepted/a.py", legacy=True, text=text).expected == ["AC"]
        assert submission("mixed/a.py", legacy=True).not_run == "Nothing says what it must get."
        assert "may have 1048576" in submission("accepted/a.py", text="#" * (MIB + 1)).not_run
        twice = {**LEGACY, "submissions/mixed/a.py": text + "# @EXPECTED_RESULTS@: CORRECT\n"}
        package = read(twice)
        assert package.submissions[1].expected == ["WA"]
        assert "several tags" in package.warnings[0].detail

    def test_a_score_or_a_verdict(self) -> None:
        found = submission("mixed/a.py", legacy=True, text="# @EXPECTED_SCORE@: 42\n")
        assert is_met(found, AC, points=42, most=100)
        assert not is_met(found, AC, points=41, most=100)


class TestNewFolders:
    @pytest.mark.parametrize(
        ("folder", "good", "bad"),
        [
            ("accepted", [(AC, AC)], [(AC, WA), (TLE, AC)]),
            ("wrong_answer", [(AC, WA), (WA, WA)], [(AC, AC), (WA, TLE)]),
            ("time_limit_exceeded", [(AC, TLE)], [(AC, AC), (WA, TLE)]),
            ("run_time_error", [(AC, RTE), (MLE, AC)], [(AC, AC), (RTE, TLE)]),
            ("rejected", [(AC, WA), (TLE, WA)], [(AC, AC)]),
            ("brute_force", [(AC, TLE), (RTE, TLE)], [(AC, AC), (TLE, WA)]),
        ],
    )
    def test_all_tests_decide(
        self, folder: str, good: list[tuple[Verdict, ...]], bad: list[tuple[Verdict, ...]]
    ) -> None:
        found = submission(f"{folder}/a.py")
        assert [is_met(found, *verdicts) for verdicts in good] == [True] * len(good)
        assert [is_met(found, *verdicts) for verdicts in bad] == [False] * len(bad)

    def test_bounds_of_the_time_limit(self) -> None:
        folders = ("accepted", "wrong_answer", "run_time_error", "time_limit_exceeded", "rejected", "brute_force")
        found = [submission(f"{folder}/a.py") for folder in folders]
        assert [each.bounds_from_below for each in found] == [True, True, True, False, False, False]
        assert [each.bounds_from_above for each in found] == [False, False, False, True, False, False]

    def test_other_folders_are_not_run_without_rules(self) -> None:
        assert submission("mine/a.py").not_run == "Nothing says what it must get."


class TestSubmissionsYaml:
    def test_the_name_of_a_folder_replaces_its_default(self) -> None:
        rules = "accepted: {permitted: [WA], required: [WA]}\n"
        found = submission("accepted/a.py", rules=rules)
        assert is_met(found, WA, WA)
        assert not is_met(found, AC, AC)
        kept = submission("wrong_answer/a.py", rules="wrong_answer: {permitted: [AC, WA, RTE]}\n")
        assert is_met(kept, RTE, WA)
        assert not is_met(kept, RTE, AC)

    def test_other_globs_add(self) -> None:
        found = submission("wrong_answer/a.py", rules="wrong_answer/{a,b}.py:\n  sample: {permitted: [AC]}\n")
        assert is_met(found, AC, WA)
        assert not is_met(found, WA, WA)

    def test_parts_of_the_tests(self) -> None:
        rules = (
            "mine:\n  secret/a:\n    permitted: [AC]\n  secret/{b,c}:\n    permitted: [AC, TLE]\n    required: [TLE]\n"
        )
        found = submission("mine/a.py", rules=rules)
        assert is_met(found, WA, AC, TLE, AC)
        assert not is_met(found, AC, TLE, TLE)
        assert not is_met(found, AC, AC, AC, AC)
        assert not is_met(submission("mine/a.py", rules="mine:\n  secret/x: {required: [TLE]}\n"), AC, AC)
        bounds = [(part.where, part.bounds_from_below, part.bounds_from_above) for part in found.tests]
        assert bounds == [("secret/a", True, False), ("secret/{b,c}", False, True)]

    def test_scores_and_messages(self) -> None:
        found = submission(
            "mine/a.py", rules="mine:\n  score: [10, 20]\n  message: off by one\n  secret/a: {score: 3}\n"
        )
        tests = [JuryTest("secret/a/1", WA, judge_message="It is off by one here.")]
        assert unmet(found, WA, 15, 100, tests, {"secret/a": 3}) == []
        assert unmet(found, WA, 25, 100, tests, {"secret/a": 3}) == ["It got 25 points, not 10 to 20."]
        assert unmet(found, WA, 15, 100, tests, {"secret/a": 4}) == ["It got 4 points in secret/a, not 3 to 3."]
        assert "message" in unmet(found, WA, 15, 100, [JuryTest("secret/a/1", WA)], {"secret/a": 3})[0]

    def test_use_for_time_limit(self) -> None:
        rules = "tle:\n  sample: {use_for_time_limit: lower}\n  secret: {use_for_time_limit: upper}\n"
        found = submission("tle/a.py", rules=rules)
        assert (found.bounds_from_below, found.bounds_from_above) == (True, True)
        off = submission("accepted/a.py", rules="accepted: {use_for_time_limit: false}\n")
        assert not off.bounds_from_below

    def test_language_and_entry(self) -> None:
        rules = "accepted/two:\n  language: javascript\n  entrypoint: second.js\n"
        files = {"submissions/accepted/two/first.py": "1", "submissions/accepted/two/second.js": "1"}
        package = read({**NEW, **files, "submissions/submissions.yaml": rules})
        program = package.submissions[1].program
        assert (program.language, program.entry) == ("js", "second.js")

    @pytest.mark.parametrize(
        ("rules", "fault"),
        [
            ("accepted: {permitted: [OK]}", "has something else than AC, WA, TLE and RTE."),
            ("accepted: {required: [WA]}", "has nothing that `permitted` has."),
            ("accepted: {colour: red}", "is not a key that is known here."),
            ("accepted: {score: high}", "is neither a number nor two."),
            ("accepted: {use_for_time_limit: maybe}", "is neither true, false"),
            ("'**/a.py': {permitted: [AC]}", "is a glob with"),
            ("accepted: AC", "is not a mapping."),
        ],
    )
    def test_faults(self, rules: str, fault: str) -> None:
        texts = fault_texts({**NEW, "submissions/submissions.yaml": rules})
        assert any(fault in text for text in texts)


@pytest.mark.parametrize(
    ("glob", "name", "expected"),
    [
        ("accepted", "accepted/a.py", True),
        ("accepted/", "accepted/a.py", True),
        ("accepted/*", "accepted/a.py", True),
        ("accept", "accepted/a.py", False),
        ("*", "accepted/a.py", True),
        ("*.py", "accepted/a.py", False),
        ("secret/*{1,3}", "secret/13", True),
        ("secret/*{1,3}", "secret/12", False),
        ("a?.py", "a?.py", True),
        ("a?.py", "ab.py", False),
        ("a.py", "axpy", False),
        ("*a" * 50, "a" * 250, True),
        ("*a" * 50, "a" * 250 + "b", False),
        ("{a,b}" * 30, "a" * 30, True),
    ],
)
def test_globs(glob: str, name: str, expected: bool) -> None:
    assert matches(glob, name) is expected


def test_domjudges_file_names_entries() -> None:
    folder = "submissions/accepted/two"
    files = {f"{folder}/a.py": "1", f"{folder}/b.py": "1"}
    text = json.dumps({f"{folder}/": {"entry_point": "b.py"}, "submissions/accepted/sum.py": {"langid": "python2"}})
    package = read({**LEGACY, **files, "submissions.json": text})
    assert [(found.program.entry, found.program.language) for found in package.submissions] == [
        ("sum.py", ""),
        ("b.py", "py"),
    ]
    assert "JSON" in fault_texts({**LEGACY, "submissions.json": "[" * 5000})[0]


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.pl", "main :- write(hi).\n", "prolog"),
        ("a.pl", "print $x;\n", "pl"),
        ("a.plg", "", ""),
        ("a.py", "#!/usr/bin/python2\nprint 1\n", ""),
        ("a.py", "import python2\n", "py"),
        ("a.C", "1", "cpp"),
        ("a.swift", "1", ""),
        ("a.rs", "1", ""),
    ],
)
def test_languages(name: str, text: str, language: str) -> None:
    found = submission(f"accepted/{name}", legacy=True, text=text)
    assert found.program.language == language
    assert bool(found.not_run) is (language == "")


def test_what_has_no_language_is_no_submission() -> None:
    package = read({**LEGACY, "submissions/accepted/README": "text"})
    assert [found.path for found in package.submissions] == ["submissions/accepted/sum.py"]
    assert [warning.path for warning in package.warnings] == ["submissions/accepted/README"]


def test_too_many_of_them_are_faults() -> None:
    many = {**NEW, **{f"submissions/accepted/{number}.py": "1" for number in range(500)}}
    assert fault_texts(many) == ["submissions: There are more than 500 submissions."]
    rules = "".join(f"a{number}: {{secret/{number}: {{}}}}\n" for number in range(101))
    assert "more than 200 globs" in fault_texts({**NEW, "submissions/submissions.yaml": rules})[0]
    files = {f"submissions/mine/{number}.py": "1" for number in range(40)}
    rules = "mine:\n" + "".join(f"  secret/{number}: {{permitted: [AC]}}\n" for number in range(150))
    assert "more than 5000 things" in fault_texts({**NEW, **files, "submissions/submissions.yaml": rules})[0]
    rules = f"mine: {{message: {'x' * 2000}}}\n"
    assert "over 1000 characters" in fault_texts({**NEW, "submissions/submissions.yaml": rules})[0]
