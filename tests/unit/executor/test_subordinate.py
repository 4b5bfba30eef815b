"""User ids for boxes, from files and tools that grant them."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from executor.sandbox.wall import subordinate
from executor.sandbox.wall.subordinate import Subordinates, Unavailable
from shared.common.service.errors import ConfigurationError


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """newuidmap is installed, and works."""
    monkeypatch.setattr(shutil, "which", lambda tool: f"/tools/{tool}")
    monkeypatch.setattr(subordinate, "_try", lambda found, bubblewrap: None)


def _grant(etc: Path, users: str, groups: str) -> None:
    (etc / "subuid").write_text(users)
    (etc / "subgid").write_text(groups)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("name", [str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name])
def test_the_end_of_a_large_enough_range_is_used(tmp_path: Path, name: str) -> None:
    _grant(tmp_path, f"other:1:99999\n{name}:100:10\n{name}:1000:500\n", f"{name}:2000:100\n")
    found = subordinate.find(100, Path("bwrap"), tmp_path)
    assert found == Subordinates(1400, 2000, 100, "/tools/newuidmap", "/tools/newgidmap")


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("groups", ["", "other:1:9999\n", f"{os.getuid()}:1:99\n", f"{os.getuid()}:x:100\n"])
def test_a_missing_range_is_reported_with_its_remedy(tmp_path: Path, groups: str) -> None:
    _grant(tmp_path, f"{os.getuid()}:1000:100\n", groups)
    with pytest.raises(Unavailable, match=r"subgid grants .*usermod"):
        subordinate.find(100, Path("bwrap"), tmp_path)


def _script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


#: Reports its process id and waits, as bubblewrap does.
_ASKS = """
while [ $# -gt 0 ]; do
    case $1 in --info-fd) info=$2 ;; --userns-block-fd) block=$2 ;; esac
    shift
done
echo "{ \\"child-pid\\": $$ }" >&$info
read -r -n 1 <&$block
"""
_HANGS = "exec sleep 60"


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subordinate, "_TIMEOUT_S", 0.5)


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("text", [_HANGS, _ASKS + _HANGS], ids=["at once", "after its ids are mapped"])
def test_a_bubblewrap_that_hangs_is_an_error(tmp_path: Path, text: str) -> None:
    found = Subordinates(1, 1, 1, "/bin/true", "/bin/true")
    with pytest.raises(ConfigurationError, match="hangs when it makes a user namespace"):
        subordinate._try(found, _script(tmp_path, "bwrap", text))


@pytest.mark.usefixtures("short_timeout")
def test_a_tool_that_hangs_is_reported(tmp_path: Path) -> None:
    tool = _script(tmp_path, "newuidmap", _HANGS)
    with pytest.raises(Unavailable, match="newuidmap hangs"):
        subordinate._try(Subordinates(1, 1, 1, str(tool), "/bin/true"), _script(tmp_path, "bwrap", _ASKS))


def test_a_missing_tool_is_reported_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(Unavailable, match="apt install uidmap"):
        subordinate.find(100, Path("bwrap"), tmp_path)
