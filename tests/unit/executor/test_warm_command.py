"""`python -m executor.warm`."""

import asyncio
import os
from pathlib import Path

import pytest

from executor.limits import of_compilation as compilation
from executor.sandbox.base import Job, Step, Template
from executor.settings import ExecutorSettings
from executor.warm import __main__ as command
from executor.warm import headers


@pytest.mark.parametrize("precompile", [True, False])
async def test_headers_are_made_only_if_they_are_used(
    precompile: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []

    async def find_installed(*_: object) -> dict[str, object]:
        return {}

    async def make(_sandbox: object, _installed: object, folder: Path) -> None:
        made.append(folder)

    monkeypatch.setattr(command, "find_installed", find_installed)
    monkeypatch.setattr(headers, "make", make)
    await command.precompile(ExecutorSettings(executor_cache_dir=tmp_path, precompile_headers=precompile))
    assert bool(made) == precompile


def test_tools_leave_no_files_outside_of_a_box() -> None:
    """Go writes files below `XDG_CONFIG_HOME`, which is /box/tmp/config in a box."""
    limits = compilation(ExecutorSettings())
    argv = ("/bin/sh", "-c", 'mkdir -p "$OWN" && echo "$OWN"')
    step = Step(argv, {"PATH": os.defpath, "OWN": "/box/tmp/config"}, limits, 1000)
    (result,) = asyncio.run(command._NoSandbox().run(Job({}, (step,), Template(1000, limits))))
    used = Path(result.stdout.decode().strip())
    assert (used.name, used.is_relative_to("/box"), used.exists()) == ("config", False, False)
