"""The reasons of our engine in other languages."""

import signal

import pytest

from executor.sandbox.base import StepLimits, StepResult
from executor.verdict import explain
from shared.records.messages.engine_reasons import split

LIMITS = StepLimits(1.5, 9, 64 << 20, 9, 9, 9, 9)
REASONS = {
    explain(ended, LIMITS, 1000)
    for ended in (
        StepResult(None, stopped="cpu"),
        StepResult(None, stopped="wall"),
        StepResult(None, stopped="memory", memory_bytes=64 << 20),
        StepResult(None, stopped="memory", memory_bytes=65 << 20),
        StepResult(None, stopped="output"),
        StepResult(None, signal.SIGSEGV),
        StepResult(3),
    )
}


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_reason_of_the_engine_is_translated(reason: str) -> None:
    persian, rest = split(f"{reason}\nmore\n", "fa")
    assert rest == "more\n"
    words = persian.replace("Segmentation fault", "")
    assert not any(character.isascii() and character.isalnum() for character in words)
    english, rest = split(reason, "en")
    assert english.endswith(".")
    assert rest == ""


def test_the_numbers_are_those_of_the_reason() -> None:
    assert "۱٫۵ ثانیه" in split("Time limit exceeded: stopped after 1.5 s of CPU time.", "fa")[0]
    assert split("Killed by signal 11 (Segmentation fault).", "en")[0] == "Segmentation fault (signal 11)."


@pytest.mark.parametrize(
    "error",
    [
        "",
        "Stopped: killed.",
        "Exited with code 3. Really.",
        "more\nExited with code 3.",
        # A program wrote it.
        f"Exited with code {'9' * 400}.",
    ],
)
def test_another_error_stays_as_it_is(error: str) -> None:
    assert split(error, "fa") == ("", error)
