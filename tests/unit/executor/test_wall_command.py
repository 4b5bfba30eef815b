"""The command that raises the wall."""

import os
from pathlib import Path

import pytest

from executor.sandbox.wall import command
from executor.sandbox.wall.command import build_wall
from executor.sandbox.wall.mechanisms import Mechanisms


def _argv(privileged: bool = True) -> list[str]:
    descriptors: list[int] = []
    mechanisms = Mechanisms(Path("/usr/bin/bwrap"), privileged=privileged, first_user=None, cgroups=None)
    argv = build_wall(mechanisms, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return argv


@pytest.mark.parametrize("privileged", [True, False])
def test_the_wall_shows_only_usr_and_settings_of_toolchains(privileged: bool) -> None:
    argv = _argv(privileged)
    mounts = [argv[at + 1] for at, word in enumerate(argv) if word.startswith("--ro-bind")]
    assert all(path.startswith(("/usr", "/etc/", "/bin", "/sbin", "/lib")) for path in mounts)
    assert not {"/etc", "/etc/passwd", "/etc/shadow", "/etc/ssl", "/etc/ssl/private"} & set(mounts)
    assert "--bind" not in argv
    assert ("--unshare-user" in argv) is not privileged


def test_only_the_settings_of_phps_command_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("cli/conf.d", "fpm/pool.d", "apache2", "mods-available"):
        (tmp_path / "php/8.4" / folder).mkdir(parents=True)
    monkeypatch.setattr(command, "_SETTINGS", tmp_path)
    argv = _argv()
    shown = {argv[at + 1] for at, word in enumerate(argv) if word == "--ro-bind"}
    assert {path for path in shown if path.startswith(str(tmp_path))} == {
        str(tmp_path / "php/8.4" / name) for name in ("cli", "mods-available")
    }
    folders = [argv[at + 1] for at, word in enumerate(argv) if word == "--dir"]
    assert folders[:3] == [str(tmp_path), str(tmp_path / "php"), str(tmp_path / "php/8.4")]


def test_the_list_of_ghcs_packages_is_shown_in_etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOVED", {"/etc/ghc": tmp_path, "/etc/none": tmp_path / "none"})
    argv = _argv()
    shown = {argv[at + 2]: argv[at + 1] for at, word in enumerate(argv) if word == "--ro-bind"}
    assert shown["/etc/ghc"] == str(tmp_path)
    assert "/etc/none" not in shown
    assert not any(path.startswith("/var") for path in shown)
