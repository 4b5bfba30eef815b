"""The wheel of the last release makes data, and the wheel of this release serves them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.gate import leave_out
from tests.fixtures.uv import ROOT, uv
from tests.fixtures.wheels import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: The last release, as a tag or a commit. `deploy/release` sets it.
_LAST: Final = os.environ.get("PRECIEUX_TEST_LAST_RELEASE", "")


def test_data_of_the_last_release_are_served(open_folder: Path, tmp_path: Path, wheels: dict[str, Path]) -> None:
    if not _LAST:
        leave_out("only a release has one before it")
    source = tmp_path / "source"
    source.mkdir()
    tree = subprocess.run(["git", "archive", _LAST], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=source, input=tree, check=True)
    old = _installed(build(os.uname().machine, tmp_path / "wheel", source), tmp_path / "old")
    new = _installed(wheels[os.uname().machine], tmp_path / "new")
    assert _keys(old, open_folder, "create", "of-the-last-release").startswith("pcx_")
    done = subprocess.run([new, "upgrade", "--data-dir", open_folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "of-the-last-release" in _keys(new, open_folder, "list")


def _installed(wheel: Path, folder: Path) -> Path:
    """Install a wheel in an environment of its own, and return its command."""
    uv("venv", "--python", sys.executable, folder)
    uv("pip", "install", "--python", folder / "bin/python", f"precieux[embedded] @ {wheel.as_uri()}")
    return folder / "bin/precieux"


def _keys(command: Path, data_dir: Path, *arguments: str) -> str:
    done = subprocess.run([command, "keys", *arguments, "--data-dir", data_dir], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
