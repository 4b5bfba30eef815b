"""The stages of a submission as Piston's answer."""

import pytest

from api_service.doors.piston.answer import SIGNALS, answer_of, in_order, name_of
from api_service.doors.piston.runtimes import Runtime, runtimes_of
from api_service.languages.catalog import LanguageCatalog
from api_service.transient.ended import EndedRun
from shared.engine_api.codex import SupportedLanguage
from shared.engine_api.run_call.events import Stop
from tests.factories import ended_test


def _runtime(code: str) -> Runtime:
    [runtime] = runtimes_of(LanguageCatalog({code: SupportedLanguage(language=code, info="1.2.3", compiled=True)}))
    return runtime


def test_a_lack_of_memory_is_a_kill() -> None:
    killed = ended_test(exit_code=None, stopped=Stop.MEMORY)
    run = answer_of(_runtime("py"), EndedRun(tests=[killed]))["run"]
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
