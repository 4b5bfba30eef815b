"""Ids that a user may map, as files and tools tell."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from executor.sandbox import subordinate
from executor.sandbox.subordinate import Subordinates, Unavailable


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """newuidmap is there, and works."""
    monkeypatch.setattr(shutil, "which", lambda tool: f"/tools/{tool}")
    monkeypatch.setattr(subordinate, "_try", lambda found, bubblewrap: None)


def _grant(etc: Path, users: str, groups: str) -> None:
    (etc / "subuid").write_text(users)
    (etc / "subgid").write_text(groups)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("name", [str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name])
def test_the_end_of_a_range_that_is_large_enough_is_taken(tmp_path: Path, name: str) -> None:
    _grant(tmp_path, f"other:1:99999\n{name}:100:10\n{name}:1000:500\n", f"{name}:2000:100\n")
    found = subordinate.find(100, Path("bwrap"), tmp_path)
    assert found == Subordinates(1400, 2000, 100, "/tools/newuidmap", "/tools/newgidmap")


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("groups", ["", "other:1:9999\n", f"{os.getuid()}:1:99\n", f"{os.getuid()}:x:100\n"])
def test_without_a_range_it_says_how_to_get_one(tmp_path: Path, groups: str) -> None:
    _grant(tmp_path, f"{os.getuid()}:1000:100\n", groups)
    with pytest.raises(Unavailable, match=r"subgid grants .*usermod"):
        subordinate.find(100, Path("bwrap"), tmp_path)


def test_without_the_tool_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(Unavailable, match="apt install uidmap"):
        subordinate.find(100, Path("bwrap"), tmp_path)
