"""`python -m executor.warm`."""

from pathlib import Path

import pytest

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
