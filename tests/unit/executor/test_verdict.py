"""Every way for a program to end has one verdict, and a sentence if it failed."""

import itertools
import signal

import pytest

from executor import verdict
from executor.sandbox.base import StepLimits, StepResult
from shared.engine_api.codex import Verdict

_LIMITS = StepLimits(1.5, 9, 64 << 20, 9, 9, 9, 9)


@pytest.mark.parametrize(
    ("stopped", "expected"),
    [
        ("cpu", Verdict.TIME_LIMIT),
        ("wall", Verdict.TIME_LIMIT),
        ("memory", Verdict.MEMORY_LIMIT),
        ("output", Verdict.OUTPUT_LIMIT),
        ("killed", Verdict.INTERNAL_ERROR),
    ],
)
def test_a_limit_decides_the_verdict(stopped: str, expected: Verdict) -> None:
    endings = [(0, None), (1, None), (None, signal.SIGKILL), (None, signal.SIGSEGV)]
    for (code, number), stderr in itertools.product(endings, (b"", b"MemoryError")):
        assert verdict.of_run(StepResult(code, number, stopped=stopped, stderr=stderr), b"MemoryError") is expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (StepResult(0), Verdict.OK),
        (StepResult(0, stderr=b"MemoryError"), Verdict.OK),
        (StepResult(1), Verdict.RUNTIME_ERROR),
        (StepResult(137), Verdict.RUNTIME_ERROR),
        (StepResult(None, signal.SIGSEGV), Verdict.RUNTIME_ERROR),
        (StepResult(None, signal.SIGKILL), Verdict.RUNTIME_ERROR),
        (StepResult(None, signal.SIGXCPU), Verdict.TIME_LIMIT),
        (StepResult(1, stderr=b"x\nMemoryError"), Verdict.MEMORY_LIMIT),
        (StepResult(None, signal.SIGABRT, stderr=b"MemoryError"), Verdict.MEMORY_LIMIT),
    ],
)
def test_without_a_limit_the_exit_decides_the_verdict(ended: StepResult, expected: Verdict) -> None:
    assert verdict.of_run(ended, b"MemoryError") is expected


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (StepResult(0), ""),
        (StepResult(0, stopped="cpu"), "Time limit exceeded: stopped after 1.5 s of CPU time."),
        (StepResult(0, stopped="wall"), "Time limit exceeded: stopped after 9 s."),
        (StepResult(0, stopped="memory"), "Memory limit exceeded: stopped at its limit of 64 MiB."),
        (
            StepResult(0, stopped="memory", memory_bytes=540 << 17),
            "Memory limit exceeded: stopped with 67.5 MiB in use, which is over its limit of 64 MiB.",
        ),
        (StepResult(0, stopped="output"), "Output limit exceeded: stopped after 100 bytes."),
        (StepResult(3), "Exited with code 3."),
        (StepResult(None, signal.SIGSEGV), "Killed by signal 11 (Segmentation fault)."),
    ],
)
def test_a_sentence_says_why_a_program_failed(ended: StepResult, sentence: str) -> None:
    assert verdict.explain(ended, _LIMITS, 100) == sentence
