"""The Pythons that `deploy/bootstrap` considers, when it updates an environment, and where it links the command."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

BOOTSTRAP: Final = Path(__file__).parents[2] / "deploy/bootstrap"

#: Pretends to be another version of Python.
_STAND_IN: Final = """#!/bin/sh
[ "$1" = -c ] || exit 1
exec {python} -c "import sys; sys.version_info = {version}; sys.executable = '$0'; $2"
"""


def run_function(name: str, command: str, *arguments: str, folder: Path | None = None) -> str:
    """Return the output of a command that may call the function `name` of `deploy/bootstrap`."""
    function = re.search(rf"^{name}\(\) \{{.*?^\}}", BOOTSTRAP.read_text(), re.DOTALL | re.MULTILINE)
    assert function
    words = ["bash", "-euo", "pipefail", "-c", f"{function[0]}\n{command}", "-", *arguments]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


def found(folders: list[Path]) -> list[str]:
    search_path = ":".join([*map(str, folders), os.defpath])
    named = map(Path, run_function("pythons", "PATH=$1; pythons", search_path).splitlines())
    return [path.name for path in named if path.parent in folders]


def install(folder: Path, name: str, minor: int, level: str = "final") -> None:
    program = folder / name
    program.write_text(_STAND_IN.format(python=sys.executable, version=(3, minor, 0, level, 0)))
    program.chmod(0o755)


def test_released_pythons_from_3_11_are_tried_newest_first(tmp_path: Path) -> None:
    for name, minor in {"python3": 12, "python3.9": 9, "python3.11": 11, "python3.15": 15, "python3.14": 14}.items():
        install(tmp_path, name, minor)
    install(tmp_path, "python3.16", 16, "beta")
    assert found([tmp_path]) == ["python3.15", "python3.14", "python3.11", "python3"]


def test_an_interpreter_that_does_not_start_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.13").chmod(0o755)
    install(tmp_path, "python3.12", 12)
    assert found([tmp_path]) == ["python3.12"]


@pytest.mark.parametrize(
    "changed", [*(f"deploy/requirements/{lock}.txt" for lock in ("executor", "service", "dev", "build")),
                "pyproject.toml", "executor/sandbox/init/pid1.c"]
)  # fmt: skip
def test_an_environment_is_updated_if_its_sources_change(tmp_path: Path, changed: str) -> None:
    for name in ("deploy", "executor/sandbox/init"):
        shutil.copytree(BOOTSTRAP.parents[1] / name, tmp_path / name)
    shutil.copy(BOOTSTRAP.parents[1] / "pyproject.toml", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    before, again = (run_function("stamp", "stamp dev", folder=tmp_path) for _ in range(2))
    assert before == again
    with (tmp_path / changed).open("a") as file:
        file.write("\n")
    assert run_function("stamp", "stamp dev", folder=tmp_path) != before


@pytest.mark.parametrize(
    ("there", "is_linked"),
    [("", True), ("a link to /gone/.venv/bin/precieux", True), ("a link to /gone/precieux", False), ("a file", False)],
)
def test_the_command_is_linked_and_no_file_replaced(tmp_path: Path, there: str, is_linked: bool) -> None:
    link = tmp_path / ".local/bin/precieux"
    if there:
        link.parent.mkdir(parents=True)
        if "link" in there:
            link.symlink_to(there.split()[-1])
        else:
            link.write_text(there)
    said = run_function("link_command", "say() { echo $*; }; HOME=$1; link_command", str(tmp_path), folder=tmp_path)
    if is_linked:
        assert link.readlink() == tmp_path / ".venv/bin/precieux"
        assert f"Your PATH lacks that folder: export PATH={link.parent}:" in said.replace('"', "")
    else:
        assert (str(link.readlink()) if link.is_symlink() else link.read_text()) == there.split(" to ")[-1]
        assert f"so call {tmp_path}/.venv/bin/precieux" in said
