"""Every way for a program to end has one verdict, and a sentence if it failed."""

import itertools
import signal

import pytest

from executor import verdict
from executor.sandbox.base import StepLimits, StepResult
from shared.engine.codex import Verdict

_LIMITS = StepLimits(1.5, 9, 64 << 20, 9, 9, 9, 9)


def _ended(
    stopped: str | None = None,
    exit_code: int | None = 0,
    number: int | None = None,
    stderr: bytes = b"",
    memory_bytes: int = 1000,
) -> StepResult:
    return StepResult(exit_code, number, 0.1, 0.1, memory_bytes, stopped, b"", stderr, truncated=False)


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
        assert verdict.of_run(_ended(stopped, code, number, stderr), b"MemoryError") is expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (_ended(), Verdict.OK),
        (_ended(stderr=b"MemoryError"), Verdict.OK),
        (_ended(exit_code=1), Verdict.RUNTIME_ERROR),
        (_ended(exit_code=137), Verdict.RUNTIME_ERROR),
        (_ended(exit_code=None, number=signal.SIGSEGV), Verdict.RUNTIME_ERROR),
        (_ended(exit_code=None, number=signal.SIGKILL), Verdict.RUNTIME_ERROR),
        (_ended(exit_code=None, number=signal.SIGXCPU), Verdict.TIME_LIMIT),
        (_ended(exit_code=1, stderr=b"x\nMemoryError"), Verdict.MEMORY_LIMIT),
        (_ended(exit_code=None, number=signal.SIGABRT, stderr=b"MemoryError"), Verdict.MEMORY_LIMIT),
    ],
)
def test_without_a_limit_the_exit_decides_the_verdict(ended: StepResult, expected: Verdict) -> None:
    assert verdict.of_run(ended, b"MemoryError") is expected


def test_explanations() -> None:
    assert verdict.explain(_ended(), _LIMITS, 100) == ""
    assert verdict.explain(_ended("cpu"), _LIMITS, 100) == "Time limit exceeded: stopped after 1.5 s of CPU time."
    assert verdict.explain(_ended("wall"), _LIMITS, 100) == "Time limit exceeded: stopped after 9 s."
    assert verdict.explain(_ended("memory"), _LIMITS, 100) == "Memory limit exceeded: stopped at its limit of 64 MiB."
    sampled = _ended("memory", memory_bytes=540 << 17)
    assert (
        verdict.explain(sampled, _LIMITS, 100)
        == "Memory limit exceeded: stopped with 67.5 MiB in use, which is over its limit of 64 MiB."
    )
    assert verdict.explain(_ended("output"), _LIMITS, 100) == "Output limit exceeded: stopped after 100 bytes."
    assert verdict.explain(_ended(exit_code=3), _LIMITS, 100) == "Exited with code 3."
    assert "11" in verdict.explain(_ended(exit_code=None, number=11), _LIMITS, 100)
