"""The lines that commands print about themselves."""

import sys
from pathlib import Path

import pytest

from precieux import terminal


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("/opt", "precieux/bin/precieux"),
        ("/srv", "/opt/precieux/bin/precieux"),
        ("/", "/opt/precieux/bin/precieux"),
    ],
)
def test_own_command_can_be_pasted(monkeypatch: pytest.MonkeyPatch, folder: str, command: str) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(sys, "executable", "/opt/precieux/bin/python")
    monkeypatch.setattr(Path, "cwd", lambda: Path(folder))
    assert terminal.own_command() == command
