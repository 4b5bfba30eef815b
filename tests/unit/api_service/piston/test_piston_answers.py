"""The stages of a submission as Piston's answer."""

import pytest

from api_service.doors.piston.answer import SIGNALS, Stage, answer_of, name_of
from api_service.doors.piston.runtimes import Runtime, runtimes_of
from api_service.languages.catalog import LanguageCatalog
from shared.engine.codex import SupportedLanguage
from shared.engine.run_call import Stop, in_order

_FINE = Stage(
    stdout="a\nc\n", stderr="b\n", order=[2, 2, 2], cut=[], exit_code=0, signal=None, stopped=None, cpu_s=0.0123,
    wall_s=0.2, memory_bytes=5000,
)  # fmt: skip


def _runtime(code: str) -> Runtime:
    [runtime] = runtimes_of(LanguageCatalog({code: SupportedLanguage(language=code, info="1.2.3", compiled=True)}))
    return runtime


def test_a_lack_of_memory_is_a_kill() -> None:
    killed = _FINE.model_copy(update={"exit_code": None, "stopped": Stop.MEMORY})
    run = answer_of(_runtime("py"), (None, killed))["run"]
    assert (run["code"], run["signal"]) == (None, "SIGKILL")
    assert (run["status"], run["message"]) == ("SG", "Caught fatal signal 9")


def test_signals_are_named_from_both_ends() -> None:
    names = {9: "SIGKILL", 34: "SIGRTMIN", 35: "SIGRTMIN+1", 49: "SIGRTMIN+15", 50: "SIGRTMAX-14", 64: "SIGRTMAX"}
    assert {number: name_of(number) for number in names} == names
    assert {name: SIGNALS[name] for name in names.values()} == {name: number for number, name in names.items()}


@pytest.mark.parametrize(
    ("order", "joined"), [([2, 1, 1], "abxcy"), ([0, 2], "xyabc"), ([], "abcxy"), ([1], "abcxy"), ([9, 9], "abcxy")]
)
def test_outputs_are_joined_in_order(order: list[int], joined: str) -> None:
    assert in_order("abc", "xy", order) == joined
