"""The executor trusts a cache folder only if nobody else can write into it."""

import os
from pathlib import Path

import pytest

from executor.cache_folder import find_folder


def test_a_folder_that_others_may_write_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers").chmod(0o755)
    assert find_folder(tmp_path, "headers")
    for mode in (0o775, 0o757):
        (tmp_path / "headers").chmod(mode)
        assert find_folder(tmp_path, "headers") is None


def test_a_folder_that_another_executor_just_made_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headers").mkdir()
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert find_folder(tmp_path, "headers") == tmp_path / "headers"


def test_a_folder_of_another_user_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headers").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "headers", 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert find_folder(tmp_path, "headers") is None


def test_no_folder_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert find_folder(tmp_path / "file", "headers") is None
