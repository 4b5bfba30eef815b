"""Programs that judge programs: from the request to the result, with an executor that runs both."""

from typing import Any

import pytest

from tests.fixtures.contract import Api, Contract, mails
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

#: Accepts an output that is twice the input, and says so to the author and to the setter of the test.
KATTIS = """
import sys
from pathlib import Path

given, answer, feedback, *args = sys.argv[1:]
assert feedback.endswith("/")
output = sys.stdin.read().split()
number = Path(given).read_text().split()[0]
Path(feedback, "judgemessage.txt").write_text(f"answer {Path(answer).read_text()!r} {args}")
Path(feedback, "teammessage.txt").write_text(f"you printed {output}")
if number == "3":
    Path(feedback, "score_multiplier.txt").write_text("0.3333333")
raise SystemExit(42 if output == [str(2 * int(number))] else 43)
"""
#: The same by the exit codes of testlib, without its library.
TESTLIB = """
import sys
from pathlib import Path

given, output, answer = (Path(path).read_text().split() for path in sys.argv[1:4])
if output == [str(2 * int(given[0]))]:
    print("ok fine", file=sys.stderr)
    raise SystemExit(0)
print("wrong answer expected", 2 * int(given[0]), file=sys.stderr)
raise SystemExit(1)
"""
DOUBLE = "number = int(input())\nprint(2 * number if number != 9 else 1)"


def checker(source: str = KATTIS, **keys: Any) -> dict[str, Any]:
    return {"kind": "program", "language": "py", "source": source, **keys}


def inputs_of(*inputs: str, **keys: Any) -> list[dict[str, Any]]:
    return [{"stdin": stdin, **keys} for stdin in inputs]


def test_a_checker_judges_a_program_without_expected_output(owner: Api) -> None:
    body = owner.submit(source=DOUBLE, stdin="4", checker=checker(args=["a b"]))
    run = body["run"]
    assert (body["state"], body["verdict"], run["stdout"]) == ("finished", "accepted", "8\n")
    assert (run["message"], run["judge_message"]) == ("you printed ['8']", "answer '' ['a b']")
    assert (run["points"], run["groups"], body["problem"]) == (None, None, None)


def test_a_checker_gives_verdicts_messages_and_points(owner: Api) -> None:
    tests = inputs_of("4", "9", "3", points=3, expected_output="x")
    body = owner.submit(source=DOUBLE, tests=tests, checker=checker())
    run = body["run"]
    assert [test["verdict"] for test in run["tests"]] == ["accepted", "wrong_answer", "accepted"]
    assert [test["points_awarded"] for test in run["tests"]] == [3, 0, 1]
    assert [test["message"] for test in run["tests"]] == [f"you printed ['{n}']" for n in (8, 1, 6)]
    assert {test["judge_message"] for test in run["tests"]} == {"answer 'x' []"}
    assert [test["diff"] for test in run["tests"]] == [None] * 3
    assert (run["verdict"], run["points"], run["points_awarded"]) == ("wrong_answer", 9, 4)
    assert (run["message"], run["judge_message"]) == (None, None)


def test_the_comparison_of_packages(owner: Api) -> None:
    icpc = {"kind": "icpc", "args": ["float_absolute_tolerance", "1e-3"]}
    tests = [{"expected_output": text} for text in ("YES 0.5", "no 0.5", "yes 0.6")]
    body = owner.submit(source="print('yes', 0.5004)", tests=tests, checker=icpc)
    assert [test["verdict"] for test in body["run"]["tests"]] == ["accepted", "wrong_answer", "wrong_answer"]
    assert body["checker"] == icpc
    assert body["run"]["tests"][1]["diff"]


def test_the_mail_has_the_words_to_the_author_alone(owner: Api, email: str, system: Contract) -> None:
    tests = [{"stdin": "9", "name": "shown"}, {"stdin": "9", "name": "secret", "hidden": True}]
    owner.submit(source=DOUBLE, tests=tests, checker=checker(), email=email)
    [mail] = eventually_sync(lambda: mails(system, email)) or []
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.count("you printed ['1']") == 1
    assert "answer ''" not in text


#: Thinks of the number in its input, and answers guesses.
GUESSING = """
import sys
from pathlib import Path

secret = int(Path(sys.argv[1]).read_text())
for _ in range(10):
    line = sys.stdin.readline()
    if not line.strip().isdigit():
        break
    guess = int(line)
    print("lower" if guess > secret else "higher" if guess < secret else "right", flush=True)
    if guess == secret:
        Path(sys.argv[3], "teammessage.txt").write_text("well guessed")
        raise SystemExit(42)
Path(sys.argv[3], "judgemessage.txt").write_text("no guess was right")
raise SystemExit(43)
"""
BISECTING = """
low, high = 0, 100
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    answer = input()
    if answer == "right":
        break
    low, high = (middle + 1, high) if answer == "higher" else (low, middle - 1)
"""
#: Writes what the program said for the checker after it.
RECORDING = """
import sys
from pathlib import Path

print(Path(sys.argv[1]).read_text(), flush=True)
Path(sys.argv[2]).write_text(sys.stdin.readline())
"""


def test_an_interactor_talks_with_the_program(owner: Api) -> None:
    judge = {"language": "py", "source": GUESSING}
    tests = [{"stdin": "42", "points": 2}, {"stdin": "7", "points": 2}]
    body = owner.submit(source=BISECTING, tests=tests, interactor=judge)
    run = body["run"]
    assert (body["verdict"], run["points_awarded"]) == ("accepted", 4)
    assert [test["message"] for test in run["tests"]] == ["well guessed"] * 2
    assert [test["stdout"] for test in run["tests"]] == [None] * 2
    assert (body["checker"], body["interactor"]["entry"]) == (None, "main.py")
    wrong = owner.submit(source="print('x')", stdin="42", interactor=judge)
    assert (wrong["verdict"], wrong["run"]["stdout"]) == ("wrong_answer", None)
    assert wrong["run"]["judge_message"] == "no guess was right"


def test_a_checker_judges_what_an_interactor_wrote(owner: Api) -> None:
    judge = {"language": "py", "source": RECORDING, "protocol": "testlib"}
    tests = [{"stdin": "4"}, {"stdin": "9"}]
    after = checker(TESTLIB, protocol="testlib")
    body = owner.submit(source=DOUBLE, tests=tests, interactor=judge, checker=after)
    assert [test["verdict"] for test in body["run"]["tests"]] == ["accepted", "wrong_answer"]
    alone = owner.submit(source=DOUBLE, stdin="9", interactor=judge)
    assert alone["verdict"] == "accepted"
