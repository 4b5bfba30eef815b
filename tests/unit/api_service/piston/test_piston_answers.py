"""The stages of a submission as Piston's answer."""

from dataclasses import replace

import pytest

from api_service.engine_offer import Offer
from api_service.piston.answer import SIGNALS, answer_of, name_of
from api_service.piston.runtimes import Runtime, runtimes_of
from shared.codex import SupportedLanguage
from shared.engine import Stop, in_order
from shared.resources.stages import Ending, Stage

_FINE = Stage("a\nc\n", "b\n", (2, 2, 2), 0, None, None, (), 0.0123, 0.2, 5000)


def _runtime(code: str) -> Runtime:
    [runtime] = runtimes_of(Offer({code: SupportedLanguage(language=code, info="1.2.3", compiled=True)}))
    return runtime


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"exit_code": 2}, (2, None, "RE", "Exited with error status 2")),
        ({"exit_code": None, "signal": 6}, (None, "SIGABRT", "SG", "Caught fatal signal 6")),
        ({"exit_code": None, "stopped": Stop.CPU}, (None, "SIGKILL", "TO", "Time limit exceeded")),
        ({"exit_code": None, "stopped": Stop.WALL}, (None, "SIGKILL", "TO", "Time limit exceeded (wall clock)")),
        ({"exit_code": None, "stopped": Stop.MEMORY}, (None, "SIGKILL", "SG", "Caught fatal signal 9")),
        ({"stopped": Stop.OUTPUT, "cut": ("stdout",)}, (None, "SIGKILL", "OL", "stdout length exceeded")),
        ({"stopped": Stop.OUTPUT, "cut": ("stderr",)}, (None, "SIGKILL", "EL", "stderr length exceeded")),
    ],
)
def test_every_end_has_its_words(changes: dict[str, object], end: tuple[object, ...]) -> None:
    run = answer_of(_runtime("py"), Ending(run=replace(_FINE, **changes)))["run"]  # type: ignore[arg-type]
    assert (run["code"], run["signal"], run["status"], run["message"]) == end


def test_signals_are_named_from_both_ends() -> None:
    names = {9: "SIGKILL", 34: "SIGRTMIN", 35: "SIGRTMIN+1", 49: "SIGRTMIN+15", 50: "SIGRTMAX-14", 64: "SIGRTMAX"}
    assert {number: name_of(number) for number in names} == names
    assert {name: SIGNALS[name] for name in names.values()} == {name: number for number, name in names.items()}


@pytest.mark.parametrize(
    ("order", "joined"), [([2, 1, 1], "abxcy"), ([0, 2], "xyabc"), ([], "abcxy"), ([1], "abcxy"), ([9, 9], "abcxy")]
)
def test_outputs_are_joined_in_order(order: list[int], joined: str) -> None:
    assert in_order("abc", "xy", order) == joined
