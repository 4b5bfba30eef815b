"""A request's limits within the operator's bounds."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from executor import limits
from executor.catalogue.chosen import find_chosen
from executor.languages.base import Needs
from executor.settings import ExecutorSettings
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import RunRequest
from shared.engine_api.run_call.limits import ProgramLimits

_SETTINGS = ExecutorSettings(
    default_time_limit=5,
    max_time_limit=20,
    default_memory_limit=100 << 20,
    max_memory_limit=200 << 20,
)


def _of(**fields: float) -> tuple[float, float, int]:
    request = RunRequest.model_validate({"code": "x", "language": "py", **fields})
    found = limits.run_step_limits(limits.limits_for_source(request, _SETTINGS), _SETTINGS, extra_memory=1000)
    return found.cpu_s, found.wall_s, found.memory_bytes - 1000


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("max_source_bytes", "max_disk_bytes"),
        ("default_time_limit", "max_time_limit"),
        ("default_memory_limit", "max_memory_limit"),
    ],
)
def test_a_setting_above_the_one_that_bounds_it_is_an_error(lower: str, higher: str) -> None:
    highest: int = getattr(_SETTINGS, higher)
    ExecutorSettings.model_validate({higher: highest, lower: highest})
    with pytest.raises(ValidationError, match=f"PRECIEUX_{lower.upper()} is above PRECIEUX_{higher.upper()}: lower"):
        ExecutorSettings.model_validate({higher: highest, lower: highest + 1})


@pytest.mark.parametrize(
    ("asked", "limits"),
    [
        ({}, (5, 20, 100 << 20)),
        ({"time_limit": 1, "wall_limit": 2, "memory_limit": 50 << 20}, (1, 2, 50 << 20)),
        ({"time_limit": 15, "wall_limit": 40, "memory_limit": 150 << 20}, (15, 40, 150 << 20)),
        ({"time_limit": 1e9, "wall_limit": 1e9, "memory_limit": 1 << 60}, (20, 300, 200 << 20)),
        ({"memory_limit": 1}, (5, 20, 16 << 20)),  # with less, no process starts
    ],
)
def test_a_request_may_lower_and_raise_limits_to_the_maxima(
    asked: dict[str, float], limits: tuple[float, float, int]
) -> None:
    assert _of(**asked) == limits


def _defaults(settings: ExecutorSettings, needs: Needs) -> tuple[float, float, int]:
    found = limits.default_limits(limits.settings_for_language(settings, needs))
    return found.cpu_s, found.wall_s, found.memory_bytes


def test_a_language_raises_low_defaults_to_the_maxima() -> None:
    assert _defaults(_SETTINGS, Needs(memory_mib=150)) == (5, 20, 150 << 20)
    assert _defaults(_SETTINGS, Needs(cpu_s=15.0)) == (15, 40, 100 << 20)
    assert _defaults(_SETTINGS, Needs(cpu_s=1.0, memory_mib=50)) == (5, 20, 100 << 20)
    assert _defaults(_SETTINGS, Needs(cpu_s=1e9, memory_mib=1 << 40)) == (20, 50, 200 << 20)


def test_a_factor_multiplies_defaults_and_what_is_asked_for() -> None:
    needs = Needs(cpu_factor=3, memory_factor=1.5)
    assert _defaults(_SETTINGS, needs) == (15, 40, 150 << 20)
    settings = limits.settings_for_language(_SETTINGS, needs)
    asked = limits.limits_for_test(ProgramLimits(cpu_s=2, wall_s=4, memory_bytes=100 << 20), settings)
    assert (asked.cpu_s, asked.wall_s, asked.memory_bytes) == (6, 12, 150 << 20)
    source = limits.limits_for_source(
        RunRequest(code="", language="py", time_limit=2, wall_limit=4, memory_limit=100 << 20), settings
    )
    assert source == asked


def test_a_factor_counts_though_the_default_stays_what_it_was() -> None:
    settings = limits.settings_for_language(_SETTINGS, Needs(cpu_s=10, cpu_factor=0.5))
    assert limits.default_limits(settings).cpu_s == 5
    assert limits.limits_for_test(ProgramLimits(cpu_s=2), settings).cpu_s == 1


def test_no_factor_raises_a_limit_above_the_maximum() -> None:
    settings = limits.settings_for_language(_SETTINGS, Needs(cpu_factor=100, memory_factor=100))
    asked = limits.limits_for_test(ProgramLimits(cpu_s=2, wall_s=4, memory_bytes=100 << 20), settings)
    assert (asked.cpu_s, asked.wall_s, asked.memory_bytes) == (20, 300, 200 << 20)
    assert limits.default_limits(settings).cpu_s == 20


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[limits.py]\ncpu_factor = 0", "`limits.py.cpu_factor`: "),
        ("[limits.py]\ncpu = 3", "`limits.py.cpu`: "),
        ("[limits", "Expected"),
        ("[limit.py]\ncpu_factor = 3", "`limit"),
        ("[limits.pyhton]\ncpu_factor = 3", "`limits.pyhton`: there is no such language"),
    ],
)
def test_a_wrong_file_of_limits_is_told_by_its_key(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=f"PRECIEUX_LANGUAGE_LIMITS: {file}.*{fault}"):
        find_chosen(ExecutorSettings(language_limits=file))


def test_a_file_names_languages_by_any_of_their_names(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("[limits.python]\ncpu_factor = 3\n")
    assert find_chosen(ExecutorSettings(language_limits=file)).needs == {"py": Needs(cpu_factor=3)}


def _numbers(settings: ExecutorSettings, *, by_number: bool, most: int | None = None) -> tuple[int, int]:
    fitted = limits.on_this_host(settings, by_number=by_number, process_limit=most)
    run = limits.run_step_limits(limits.default_limits(fitted), fitted, extra_memory=0)
    return run.processes, run.open_files


def test_hosts_without_cgroups_allow_fewer_processes_and_files() -> None:
    assert _numbers(ExecutorSettings(), by_number=False) == (256, 512)
    assert _numbers(ExecutorSettings(), by_number=True) == (128, 176)
    assert _numbers(ExecutorSettings(max_processes=200), by_number=True) == (200, 176)


def test_full_slots_leave_processes_for_the_executor() -> None:
    settings = ExecutorSettings(executor_slots=10).tuned(warm_boxes=2, express_slots=2)
    processes, _ = _numbers(settings, by_number=True, most=1000)
    assert 32 <= processes < 128
    assert 1000 - 10 * processes >= 64
    assert _numbers(settings, by_number=True, most=100_000) == (128, 176)


def test_too_few_processes_for_all_slots_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_EXECUTOR_SLOTS"):
        _numbers(ExecutorSettings(executor_slots=10), by_number=False, most=300)
