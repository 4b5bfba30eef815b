"""The user ids that root needs for its programs, and the hard limits that programs need."""

import os
import resource
from pathlib import Path

import pytest

from executor import host
from executor.sandbox.wall import cgroups
from executor.settings import ExecutorSettings
from shared.common.service.errors import ConfigurationError


@pytest.fixture
def uid_map(tmp_path: Path) -> Path:
    return tmp_path / "uid_map"


@pytest.mark.parametrize(
    ("port", "mapped", "first"),
    [
        (0, "         0          0 4294967295\n", 1_879_048_192),
        (8100, "         0          0 4294967295\n", 1_879_048_192 + 8100 * 4096),
        (8100, "0 100000 65536\n", 65536 - 2 - 18),
        (8100, "0 1000 1\n1 100000 65536\n", 65537 - 2 - 18),
    ],
)
def test_users_of_programs_are_those_of_nobody_else(uid_map: Path, port: int, mapped: str, first: int) -> None:
    uid_map.write_text(mapped)
    assert host._first_user(18, port, uid_map) == first


@pytest.mark.parametrize("mapped", ["0 0 1\n1000 1000 1\n", "0 1000 10000\n", "0 0 1\n50000 50000 19\n"])
def test_too_few_ids_are_an_error(uid_map: Path, mapped: str) -> None:
    uid_map.write_text(mapped)
    with pytest.raises(ConfigurationError, match="needs 18 unused user ids, and fewer exist here"):
        host._first_user(18, 8100, uid_map)


_UNLIMITED = resource.RLIM_INFINITY, resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("name", "hard", "sentence", "unit_of_file"),
    [
        ("NOFILE", 511, "is 511, and programs need 512", ""),
        ("NPROC", 255, "is 255, and programs need 256", ""),
        ("FSIZE", 1 << 20, "is 1048576 bytes, and programs need 67108864 bytes", ", in KB"),
        ("STACK", 8 << 20, "is 8388608 bytes, and programs need 268435456 bytes", ", in KB"),
        ("CPU", 61, "is 61 s, and programs need 62 s", ", in minutes"),
    ],
)
def test_a_hard_limit_that_is_too_low_is_an_error(
    name: str, hard: int, sentence: str, unit_of_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {getattr(resource, f"RLIMIT_{name}"): (hard, hard)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, _UNLIMITED))
    settings = ExecutorSettings(max_disk_bytes=1 << 20, max_time_limit=5, default_time_limit=5)
    with pytest.raises(ConfigurationError, match=f"RLIMIT_{name} {sentence}: raise it by .*{unit_of_file}[.]$"):
        host._require_hard_limits(settings)
    limits.clear()
    host._require_hard_limits(settings)


def test_hard_limits_suffice_for_the_defaults_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program gets 176 open files without cgroups, and not 512."""
    limits = {resource.RLIMIT_NOFILE: (300, 300)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, _UNLIMITED))
    mechanisms = host.find_mechanisms(ExecutorSettings().tuned(use_cgroups=False))
    assert host.fit_to_host(ExecutorSettings(), mechanisms).tuning.open_files == 176
    limits[resource.RLIMIT_NOFILE] = (255, 255)
    with pytest.raises(ConfigurationError, match="RLIMIT_NOFILE is 255, and programs need 256:"):
        host.fit_to_host(ExecutorSettings(), mechanisms)


def test_programs_get_most_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "memory_limit", lambda: 1000)
    assert host.memory_of_programs() == 750
    monkeypatch.setattr(cgroups, "memory_limit", lambda: None)
    assert host.memory_of_programs() == 0.75 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
