"""The end of a judge means what its protocol says."""

import signal
from dataclasses import replace
from typing import Final

import pytest

from executor import verdict
from executor.judging import kattis, testlib
from executor.judging.judgement import Judgement, clean, judge_error, why_failed
from executor.sandbox.base import LeftOut, OutFolder, StepLimits, StepResult
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import NO_NUMBER

_LIMITS: Final = StepLimits(1.5, 9, 64 << 20, 9, 9, 9, 9)
_ACCEPTED, _WRONG, _ERROR = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.JUDGE_ERROR


def _kattis(code: int, **files: bytes) -> Judgement:
    named = {f"{name}.txt": content for name, content in files.items()}
    return kattis.read("checker", StepResult(code, stderr=b"the end", out_folder=OutFolder(named)), 10)


def _testlib(code: int, stderr: bytes) -> Judgement:
    return testlib.read("checker", StepResult(code, stderr=stderr), 10)


@pytest.mark.parametrize(("code", "verdict"), [(42, _ACCEPTED), (43, _WRONG)])
def test_kattis_says_it_by_two_codes(code: int, verdict: Verdict) -> None:
    assert _kattis(code) == Judgement(verdict)
    told = _kattis(code, teammessage=b"Try 3.\r\n\x1b[31m", judgemessage=b"\xff\nline 2\t\n", notes=b"x")
    assert told == Judgement(verdict, "Try 3.\n\ufffd[31m", "\ufffd\nline 2")


@pytest.mark.parametrize("code", [0, 1, 2, 41, 44, 255])
def test_every_other_code_of_kattis_is_an_error(code: int) -> None:
    failed = _kattis(code, teammessage=b"a secret", judgemessage=b"Why.\n", score=b"5")
    sentence = f"The checker ended with code {code}, which is neither 42 (accepted) nor 43 (wrong answer)."
    assert failed == Judgement(_ERROR, None, f"{sentence}\nWhy.\nthe end")


@pytest.mark.parametrize(
    ("files", "points"),
    [
        ({"score": b"5"}, 5),
        ({"score": b" \n2.5e0\t\n"}, 2.5),
        ({"score": b"0"}, 0),
        ({"score": b"-0"}, 0),
        ({"score": b"10"}, 10),
        ({"score_multiplier": b"0.25\n"}, 2.5),
        ({"score_multiplier": b"1"}, 10),
        ({"score_multiplier": b"0"}, 0),
    ],
)
def test_a_score_of_kattis_is_the_points(files: dict[str, bytes], points: float) -> None:
    said = _kattis(42, **files)
    assert (said, str(said.points)) == (Judgement(_ACCEPTED, points=points), str(float(points)))
    assert _kattis(43, **files).verdict is _ERROR


@pytest.mark.parametrize(
    "files",
    [
        {"score": b"5", "score_multiplier": b"0.5"},
        *({"score": text} for text in (b"", b"x", b"5 5", b"5,0", b"nan", b"inf", b"1e999", b"1_0", b"0x1", b"-1")),
        {"score": b"10.000001"},
        {"score": b"\xd9\xa3"},
        {"score_multiplier": b"1.01"},
        {"score_multiplier": b"-0.1"},
    ],
)
def test_a_score_that_cannot_be_is_an_error(files: dict[str, bytes]) -> None:
    failed = _kattis(42, **files, teammessage=b"x")
    assert (failed.verdict, failed.message, failed.points) == (_ERROR, None, None)
    assert failed.judge_message
    assert failed.judge_message.startswith("The checker wrote ")


@pytest.mark.parametrize(
    ("code", "stderr", "verdict", "text"),
    [
        (0, b"ok 3 lines\n", _ACCEPTED, "3 lines"),
        (0, b"", _ACCEPTED, None),
        (0, b"ok", _ACCEPTED, None),
        (0, b"wrong answer it is right\n", _ACCEPTED, "it is right"),
        (0, b"okay", _ACCEPTED, "okay"),
        (1, b"wrong answer expected 5, found 6\n", _WRONG, "expected 5, found 6"),
        (1, b"ok\nok", _WRONG, "ok"),
        (2, b"wrong output format Expected integer\n", _WRONG, "Expected integer"),
        (4, b"wrong output format Extra information", _WRONG, "Extra information"),
        (8, b"unexpected eof 2nd line\x00", _WRONG, "2nd line\ufffd"),
        (2, b"a warning\nwrong answer x", _WRONG, "a warning\nwrong answer x"),
    ],
)
def test_testlib_says_it_by_its_code(code: int, stderr: bytes, verdict: Verdict, text: str | None) -> None:
    assert _testlib(code, stderr) == Judgement(verdict, text, text, may_name_answer=True)


@pytest.mark.parametrize(
    ("stderr", "points", "text"),
    [
        (b"points 7 good\n", 7, "good"),
        (b"points 2.5", 2.5, None),
        (b"points 0 nothing", 0, "nothing"),
        (b"points -0 nothing", 0, "nothing"),
        (b"points 10", 10, None),
        (b"points are 3\npoints 4", 4, "3\npoints 4"),
    ],
)
def test_testlib_gives_points_by_a_code_of_its_own(stderr: bytes, points: float, text: str | None) -> None:
    verdict = _ACCEPTED if points else _WRONG
    said = _testlib(7, stderr)
    assert said == Judgement(verdict, text, text, points, may_name_answer=True)
    assert str(said.points) == str(float(points))


@pytest.mark.parametrize(
    ("code", "stderr", "why"),
    [
        (3, b"FAIL jury has the worse answer\n", "says that it or the test is wrong (code 3)."),
        (7, b"points nan", "gives points (code 7), and does not write how many."),
        (7, b"points\n", "gives points (code 7), and does not write how many."),
        (7, b"points points_info=5", "gives points (code 7), and does not write how many."),
        (7, b"points 10.1", "gives points that are not between 0 and 10."),
        (7, b"points 1e999", "gives points that are not between 0 and 10."),
        (7, b"points -1", "gives points that are not between 0 and 10."),
        *((code, b"", f"ended with code {code}, which has no meaning in testlib.") for code in (5, 6, 16, 42, 50, 150)),
    ],
)
def test_other_ends_of_testlib_are_errors(code: int, stderr: bytes, why: str) -> None:
    failed = _testlib(code, stderr)
    assert (failed.verdict, failed.message, failed.points) == (_ERROR, None, None)
    assert failed.judge_message
    assert failed.judge_message.startswith(f"The checker {why}")
    assert code != 3 or failed.judge_message.endswith("\njury has the worse answer")


def test_an_infinite_score_of_a_problem_is_an_error() -> None:
    scored = StepResult(42, out_folder=OutFolder({"score.txt": b"1e999"}))
    assert kattis.read("checker", scored, None).score == NO_NUMBER  # so if the score counts
    assert testlib.read("checker", StepResult(7, stderr=b"points 1e999"), None).verdict is _ERROR


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (StepResult(42), None),
        (StepResult(1), None),
        (StepResult(None, signal.SIGSEGV), "The checker failed. Killed by signal 11 (Segmentation fault)."),
        (StepResult(None, stopped="cpu"), "The checker failed. Time limit exceeded: stopped after 1.5 s of CPU time."),
        (StepResult(42, stopped="output"), "The checker wrote more than 10 bytes of output and feedback."),
    ],
)  # fmt: skip
def test_a_judge_fails_by_its_limits_and_signals(ended: StepResult, sentence: str | None) -> None:
    assert why_failed("checker", ended, verdict.explain(ended, _LIMITS, 10), 10) == sentence


def test_the_output_of_a_judge_counts_together() -> None:
    ended = StepResult(42, written=7, out_folder=OutFolder({"a": b"12", "b": b"1"}, written=3))
    assert why_failed("checker", ended, "", 10) is None
    assert why_failed("checker", ended, "", 9)
    for reason, fails in ((LeftOut.TOO_LARGE, True), (LeftOut.TOO_MANY, True), (LeftOut.NOT_A_FILE, False)):
        left_out = replace(ended, out_folder=OutFolder({}, {reason: 1}))
        assert bool(why_failed("checker", left_out, "", 10)) is fails


@pytest.mark.parametrize("text", [b"x" * 70000, "é\0".encode() * 40000, b"\xff" * 70000, b"x\r\n" * 70000])
def test_messages_have_at_most_64_kib(text: bytes) -> None:
    shown = clean(text)
    assert shown
    assert 65500 < len(shown.encode()) <= 65536
    assert not set("\r\0") & set(shown)


def test_line_ends_of_other_systems_are_replaced() -> None:
    assert clean("a\u2028b\u2029c\x85".encode()) == "a\ufffdb\ufffdc\ufffd"


def test_an_error_ends_with_the_end_of_standard_error() -> None:
    failed = judge_error("Why.", b"f" * (1 << 20), b"\0" * (1 << 20) + b"x the end\n")
    assert failed.judge_message
    assert failed.judge_message.startswith("Why.\nfff")
    assert failed.judge_message.endswith("\ufffdx the end")
    assert len(failed.judge_message.encode()) <= 65536
