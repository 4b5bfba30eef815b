"""The command line's key: only its owner can read it, and it is for one server while that runs."""

import stat
from pathlib import Path

import pytest

from precieux.up import local_key


def test_the_key_is_found_only_for_its_server(tmp_path: Path) -> None:
    key = local_key.make(tmp_path, 8000)
    for url in ("http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000", "https://127.0.0.1:8000"):
        assert local_key.find(tmp_path, url) == key
    for url in (
        "http://127.0.0.1:8001", "http://127.0.0.1", "http://example.com:8000", "http://127.0.0.1@example.com:8000",
        "http://localhost.example.com:8000", "http://10.0.0.1:8000", "http://127.0.0.1:x", "127.0.0.1:8000", "",
    ):  # fmt: skip
        assert local_key.find(tmp_path, url) is None


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    local_key.make(tmp_path, 8000)
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_run_replaces_the_key(tmp_path: Path) -> None:
    first, second = local_key.make(tmp_path, 8000), local_key.make(tmp_path, 8001)
    assert first != second
    assert local_key.find(tmp_path, "http://127.0.0.1:8000") is None
    local_key.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_without_a_folder_there_is_no_key(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    assert local_key.find(tmp_path / folder, "http://127.0.0.1:8000") is None
