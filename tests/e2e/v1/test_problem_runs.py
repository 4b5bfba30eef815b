"""Submissions to problems: from a package to the result of a run, with its groups and points."""

import re
from hashlib import sha256
from typing import Any, Final

import httpx
import pytest

from tests.e2e.v1.conftest import Push
from tests.fixtures.contract import Api, Contract, mails
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

YAML: Final = "problem_format_version: 2025-09\nname: Twice\nuuid: 5e7a\n"
#: Prints twice the number, and a wrong number for 9.
DOUBLE: Final = "number = int(input())\nprint(2 * number if number != 9 else 1)\n"
OUTCOME: Final = ("verdict", "points", "points_awarded")


def files_of(**inputs: str) -> dict[str, str]:
    """Return the files of tests by names, such as `secret__a__1`, from their inputs. Each answer is twice its input."""
    files: dict[str, str] = {}
    for name, number in inputs.items():
        path = "data/" + name.replace("__", "/")
        files |= {f"{path}.in": f"{number}\n", f"{path}.ans": f"{2 * int(number)}\n"}
    return files


def lines_of(run: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(test["name"], test["verdict"], test["points_awarded"]) for test in run["tests"]]


def groups_of(run: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {
        group["name"]: tuple(group[name] for name in ("verdict", "points_awarded", "passed", "tests"))
        for group in run["groups"]
    }


def test_a_legacy_problem_stops_at_its_first_failure(push: Push, setter: Api) -> None:
    name = push({"problem.yaml": "name: Twice\n", **files_of(sample__1="1", secret__1="9", secret__2="2")})
    body = setter.submit(problem=name, source=DOUBLE)
    run = body["run"]
    assert (body["state"], body["verdict"], body["problem"]) == ("finished", "wrong_answer", f"{name}@1")
    assert lines_of(run) == [("sample/1", "accepted", 0), ("secret/1", "wrong_answer", 0), ("secret/2", None, 0)]
    assert (run["points"], run["points_awarded"]) == (1, 0)
    assert groups_of(run) == {"sample": ("accepted", 0, 1, 1), "secret": ("wrong_answer", 0, 0, 2)}
    good = setter.submit(problem=name, source="print(2 * int(input()))")
    assert (good["verdict"], good["run"]["points_awarded"]) == ("accepted", 1)
    rejected = setter.submit(problem=name, language="c", source="int main( {")
    assert (rejected["verdict"], rejected["run"]["points_awarded"]) == ("compile_error", 0)
    assert {group["verdict"] for group in rejected["run"]["groups"]} == {None}


def test_groups_of_a_scoring_problem(push: Push, setter: Api, system: Contract, email: str) -> None:
    group = "data/secret/{}/test_group.yaml"
    name = push(
        {
            "problem.yaml": YAML + "type: scoring\n",
            **files_of(sample__1="1", secret__a__1="2", secret__a__2="3", secret__b__1="9", secret__b__2="4"),
            **files_of(secret__c__1="9", secret__c__2="5"),
            group.format("a"): "max_score: 30\n",
            group.format("b"): "max_score: 30\n",
            group.format("c"): "max_score: 40\nscore_aggregation: sum\n",
        }
    )
    run = setter.submit(problem=name, source=DOUBLE, email=email)["run"]
    assert tuple(run[name] for name in OUTCOME) == ("wrong_answer", 100, 50)
    # The rest of a group that must be passed whole is not run.
    assert [verdict for _, verdict, _ in lines_of(run)] == [
        *("accepted", "accepted", "accepted", "wrong_answer", None, "wrong_answer", "accepted")
    ]
    groups = groups_of(run)
    assert [groups[f"secret/{name}"][:2] for name in "abc"] == [
        ("accepted", 30), ("wrong_answer", 0), ("wrong_answer", 20),
    ]  # fmt: skip
    [mail] = eventually_sync(lambda: mails(system, email)) or []
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert f"Twice ({name}@1)" in text
    assert "secret/a: Accepted (30 of 30)" in text
    assert "Points: 50 of 100" in text
    page = httpx.get(re.findall(r"Open this result:\s+(\S+)", text)[0], trust_env=False, follow_redirects=True).text
    assert "Groups of tests" in page
    assert "30 of 30" in page
    assert f'<dt>Task</dt><dd><bdi dir="ltr">{name}@1</bdi>' in page
    assert re.findall(r'aria-label="Input, Test ([^"]+)"[^>]*>\s*(\S+)', page) == [("sample/1", "1")]
    assert "secret/b/1" in page
    assert "18" not in page.partition("secret/b/1")[2].partition("</tr>")[0]
    # The mail tells nothing of a secret test but the result of its group.
    assert "secret/b/1" not in text
    assert "18" not in text.partition("What was run")[0]


CPP_CHECKER: Final = """
#include <fstream>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
    std::ifstream input(argv[1]);
    std::string feedback = argv[3];
    long number, said;
    input >> number;
    std::ofstream(feedback + "teammessage.txt") << "checked " << argv[4];
    if (!(std::cin >> said) || said != 2 * number) return 43;
    std::ofstream(feedback + "score_multiplier.txt") << (number == 3 ? 0.5 : 1);
    return 42;
}
"""


def test_a_checker_of_a_package_scores_tests(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": YAML + "type: scoring\n",
            **files_of(sample__1="1", secret__1="2", secret__2="3", secret__3="9", secret__4="4"),
            "data/test_group.yaml": "output_validator_args: [word]\n",
            "output_validator/check.cpp": CPP_CHECKER,
        }
    )
    run = setter.submit(problem=name, source=DOUBLE)["run"]
    assert lines_of(run)[1:] == [
        ("secret/1", "accepted", 25), ("secret/2", "accepted", 12.5), ("secret/3", "wrong_answer", 0),
        ("secret/4", "accepted", 25),
    ]  # fmt: skip
    assert (run["points"], run["points_awarded"]) == (100, 62.5)


INTERACTOR: Final = """
import sys
from pathlib import Path

secret = int(Path(sys.argv[1]).read_text())
print(secret, flush=True)
line = sys.stdin.readline()
raise SystemExit(42 if line.strip() == str(2 * secret) else 43)
"""


def test_an_interactive_problem(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": YAML + "type: interactive\n",
            **files_of(secret__1="4", secret__2="9", secret__3="5"),
            "output_validator/talk.py": INTERACTOR,
        }
    )
    run = setter.submit(problem=name, source=DOUBLE)["run"]
    assert [verdict for _, verdict, _ in lines_of(run)] == ["accepted", "wrong_answer", None]


GRADER: Final = """
import sys

lines = [line.split() for line in sys.stdin]
assert sys.argv[1:] == ["best"], sys.argv
print("AC", max(float(score) for _, score in lines))
"""


def test_a_custom_grader_folds_the_results(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": "name: Twice\ntype: scoring\n",
            **files_of(secret__1="9", secret__2="4", secret__3="5"),
            "data/testdata.yaml": "on_reject: continue\n",
            "data/secret/testdata.yaml": "grading: custom\ngrader_flags: best\naccept_score: 7\nreject_score: 2\n",
            "graders/best.py": GRADER,
        }
    )
    run = setter.submit(problem=name, source=DOUBLE)["run"]
    assert (run["verdict"], run["points_awarded"]) == ("accepted", 7)


def test_included_files_arguments_and_files_of_a_test(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": YAML + "constants:\n  factor: 2\n",
            **files_of(secret__1="4", secret__2="5"),
            "data/secret/2.yaml": "args: [extra]\n",
            "data/secret/2.files/note.txt": "beside",
            "include/python3/main.py": (
                "import os, sys\nfrom solution import solve\nassert len(sys.argv) == 1 + os.path.exists('note.txt')\n"
                "print(solve(int(input())) * {{factor}})\n"
            ),
        }
    )
    body = setter.submit(problem=name, files=[{"path": "solution.py", "content": "solve = int\n"}])
    assert body["verdict"] == "accepted", body


#: Has the program double the number until it is 8. The feedback of a pass is there in the next one.
PASSES: Final = """
import sys
from pathlib import Path

given, answer, feedback = (Path(path) for path in sys.argv[1:4])
assert answer.read_text().split() == ["2"], answer.read_text()
number = int(given.read_text())
log = feedback / "judgemessage.txt"
past = log.read_text() if log.exists() else ""
assert not (feedback / "nextpass.in").exists()
log.write_text(f"{past}{number} ")
if int(sys.stdin.read()) != 2 * number:
    raise SystemExit(43)
if number < 4 or number > 40:
    (feedback / "nextpass.in").write_text(f"{2 * number}")
raise SystemExit(42)
"""


def test_a_multi_pass_problem(push: Push, setter: Api) -> None:
    name = push(
        {
            "problem.yaml": YAML + "type: [multi-pass, scoring]\nlimits:\n  validation_passes: 3\n",
            **files_of(secret__1="1"),
            **{f"data/secret/{n}.in": text for n, text in (("2", "9"), ("3", "50"), ("4", "4"))},
            **{f"data/secret/{n}.ans": "2" for n in "234"},
            "output_validator/passes.py": PASSES,
        }
    )
    run = setter.submit(problem=name, source=DOUBLE)["run"]
    ends = [(test["verdict"], test["judge_message"]) for test in run["tests"]]
    assert ends[:2] == [("accepted", "1 2 4"), ("wrong_answer", "9")]
    assert ends[2] == ("judge_error", "The judge asked for more than 3 passes.\n50 100 200")
    assert ends[3] == (None, None)
    assert run["verdict"] == "judge_error"


def test_outputs_may_be_longer_than_what_is_kept(push: Push, setter: Api) -> None:
    answer = "x" * (2 << 20)
    name = push({"problem.yaml": YAML, "data/secret/1.in": "", "data/secret/1.ans": answer})
    run = setter.submit(problem=name, source=f"print('x' * {len(answer)})")["run"]
    assert run["verdict"] == "accepted", run
    assert run["tests"][0]["truncated"] == ["stdout"]


def test_a_file_that_is_missing_is_our_failure(push: Push, setter: Api, system: Contract) -> None:
    name = push({"problem.yaml": YAML, **files_of(secret__1="123456")})
    digest = sha256(b"123456\n").hexdigest()
    [path] = (system.data_dir / "objects").rglob(digest)
    path.unlink()
    body = setter.submit(problem=name, source=DOUBLE)
    assert (body["state"], body["verdict"]) == ("failed", None)


def test_more_tests_than_one_request_has(push: Push, setter: Api) -> None:
    tests = {f"secret__{number:03}": str(number) for number in range(10, 130)}
    name = push({"problem.yaml": YAML, **files_of(**tests)})
    run = setter.submit(problem=name, source="print(2 * int(input()))", wait=60)["run"]
    assert (run["verdict"], run["groups"][-1]["passed"]) == ("accepted", 120)


def test_a_large_input_is_sent_by_its_digest(push: Push, setter: Api) -> None:
    text = "\x01" * (24 << 20)
    name = push({"problem.yaml": YAML, "data/secret/1.in": text, "data/secret/1.ans": f"{len(text)}"})
    run = setter.submit(problem=name, source="import sys\nprint(len(sys.stdin.read()))")["run"]
    assert run["verdict"] == "accepted", run
