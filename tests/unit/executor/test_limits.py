"""A request's wishes within the operator's bounds."""

from executor import limits
from executor.settings import ExecutorSettings
from shared.codex import RunRequest

_SETTINGS = ExecutorSettings(
    default_time_limit=5,
    max_time_limit=20,
    max_wall_limit=50,
    default_memory_limit=100 << 20,
    max_memory_limit=200 << 20,
)


def _of(**wishes: float) -> tuple[float, float, int]:
    request = RunRequest.model_validate({"code": "x", "language": "py", **wishes})
    found = limits.of_run(request, _SETTINGS, extra_memory=1000)
    return found.cpu_s, found.wall_s, found.memory_bytes - 1000


def test_defaults() -> None:
    assert _of() == (5, 20, 100 << 20)


def test_wishes_lower_and_raise() -> None:
    assert _of(time_limit=1, wall_limit=2, memory_limit=50 << 20) == (1, 2, 50 << 20)
    assert _of(time_limit=15, wall_limit=40, memory_limit=150 << 20) == (15, 40, 150 << 20)


def test_nobody_gets_more_than_the_maximum() -> None:
    assert _of(time_limit=1e9, wall_limit=1e9, memory_limit=1 << 60) == (20, 50, 200 << 20)


def test_too_little_memory_for_any_process_is_raised() -> None:
    assert _of(memory_limit=1)[2] == 16 << 20
