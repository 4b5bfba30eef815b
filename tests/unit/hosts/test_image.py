"""The tools that make an image are checked before it is made."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hosts import image
from tests.hosts.architecture import ARCHITECTURES
from tests.hosts.errors import HostsError
from tests.hosts.progress import Progress

_FOREIGN = replace(ARCHITECTURES["arm64"], machine="another")


@pytest.fixture(autouse=True)
def interpreters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "binfmt_misc"
    folder.mkdir()
    monkeypatch.setattr(image, "_INTERPRETERS", folder)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return folder


def test_a_foreign_image_needs_an_interpreter(tmp_path: Path) -> None:
    with pytest.raises(HostsError, match="apt install qemu-user-binfmt"):
        image.find_or_build(tmp_path, _FOREIGN, Progress())


def test_a_foreign_image_needs_a_test_of_its_architecture(
    tmp_path: Path, interpreters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (interpreters / "qemu-another").touch()
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "arch-test" else f"/usr/bin/{tool}")
    with pytest.raises(HostsError, match="apt install arch-test"):
        image.find_or_build(tmp_path, _FOREIGN, Progress())


def test_an_interpreter_known_to_the_kernel_is_found(tmp_path: Path, interpreters: Path) -> None:
    (interpreters / "qemu-another").touch()
    with pytest.raises(HostsError, match="Only root"):
        image.find_or_build(tmp_path, _FOREIGN, Progress())
