"""A judge may ask for another pass of a test, and the judge of a problem scores it."""

import pytest

from executor.judging import kattis, testlib
from executor.judging.judgement import Judgement
from executor.judging.passes import NEXT_PASS, after_pass
from executor.sandbox.base import OutFolder, StepResult
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import NO_NUMBER

NEXT = {NEXT_PASS: b"7"}


def test_a_pass_is_followed_by_another_only_if_it_is_accepted() -> None:
    accepted = Judgement(Verdict.ACCEPTED, feedback=NEXT)
    assert after_pass(accepted, 1, 2) == (accepted, b"7")
    last = Judgement(Verdict.ACCEPTED)
    assert after_pass(last, 2, 2) == (last, None)
    too_many, following = after_pass(accepted, 2, 2)
    assert (too_many.verdict, following) == (Verdict.JUDGE_ERROR, None)
    assert "more than 2 passes" in (too_many.judge_message or "")
    wrong, following = after_pass(Judgement(Verdict.WRONG_ANSWER, feedback=NEXT, cpu_s=2), 1, 2)
    assert (wrong.verdict, wrong.cpu_s, following) == (Verdict.JUDGE_ERROR, 2, None)
    crashed = Judgement(Verdict.RUNTIME_ERROR, feedback=NEXT)
    assert after_pass(crashed, 1, 2) == (crashed, None)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, (None, None)),
        ({"score.txt": b" -12.5\n"}, (-12.5, None)),
        ({"score.txt": b"3", "score_multiplier.txt": b"2"}, (3, 2)),
        # It matters where the score counts.
        ({"score.txt": b"ten", "score_multiplier.txt": b""}, (NO_NUMBER, NO_NUMBER)),
    ],
)
def test_the_scores_of_a_problem_are_not_checked_here(files: dict[str, bytes], said: tuple[object, object]) -> None:
    judgement = kattis.read("checker", StepResult(42, out_folder=OutFolder(files)), None)
    assert (judgement.verdict, judgement.points) == (Verdict.ACCEPTED, None)
    assert (judgement.score, judgement.multiplier) == said


@pytest.mark.parametrize(("points", "how", "score"), [(b"150", "accepted", 150), (b"0", "wrong_answer", None)])
def test_points_of_testlib_are_a_score(points: bytes, how: str, score: float | None) -> None:
    judgement = testlib.read("checker", StepResult(7, stderr=b"points " + points + b" so"), None)
    assert (judgement.verdict, judgement.points, judgement.score) == (how, None, score)
