"""The user ids that root needs for its programs, and the hard limits that programs need."""

import resource
from pathlib import Path

import pytest

from executor import host
from executor.settings import ExecutorSettings
from shared.errors import ConfigurationError


@pytest.fixture
def uid_map(tmp_path: Path) -> Path:
    return tmp_path / "uid_map"


def test_ids_that_exist_are_accepted(uid_map: Path) -> None:
    uid_map.write_text("         0          0 4294967295\n")
    host._require_ids(1_879_048_192, 18, uid_map)


@pytest.mark.parametrize(
    ("mapped", "message"),
    [
        ("0 0 1\n1000 1000 1\n", "needs 18 unused user ids, and fewer exist here"),
        ("0 100000 65536\n", r"FIRST_USER_ID is 1879048192.*first of 18"),
    ],
)
def test_missing_ids_are_an_error(uid_map: Path, mapped: str, message: str) -> None:
    uid_map.write_text(mapped)
    with pytest.raises(ConfigurationError, match=message):
        host._require_ids(1_879_048_192, 18, uid_map)


@pytest.mark.parametrize(("name", "hard"), [("NOFILE", 511), ("NPROC", 255), ("FSIZE", 1 << 20), ("STACK", 8 << 20)])
def test_a_hard_limit_that_is_too_low_is_an_error(name: str, hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {getattr(resource, f"RLIMIT_{name}"): (hard, hard)}
    unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, unlimited))
    with pytest.raises(ConfigurationError, match=f"RLIMIT_{name} is {hard}, and programs need .*: raise it"):
        host._require_hard_limits(ExecutorSettings())
    limits.clear()
    host._require_hard_limits(ExecutorSettings())
