"""Users and ids of the machine's units."""

from pathlib import Path

import pytest

from precieux import service_users


@pytest.mark.parametrize(
    ("granted", "free"),
    [
        ([], 100000),
        (["root:1:5\n"], 100000),
        (["user:100000:65536\n", "user:100000:65536\n"], 165536),
        (["user:165536:65536\nother:100000:65536\n", "user:231072:65536\n"], 296608),
        (["user:100000:65536\nother:400000:65536\n"], 165536),
        (["user:150000:10\n"], 150010),
        (["not a range\n# a comment: 1:2\nuser:100000:65536"], 165536),
    ],
)
def test_the_first_free_range_is_taken(granted: list[str], free: int) -> None:
    assert service_users.free_range(granted) == free


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return tmp_path


def test_the_executor_gets_ids_once(etc: Path) -> None:
    sysusers = etc / "precieux.conf"
    (etc / "subuid").write_text("user:100000:65536\n")
    make, grant = service_users.commands(sysusers, etc)
    assert make == ["systemd-sysusers", str(sysusers)]
    ids = "165536-231071"
    assert grant == ["usermod", "--add-subuids", ids, "--add-subgids", ids, "precieux-executor"]
    for name in ("subuid", "subgid"):
        (etc / name).write_text("precieux-executor:165536:65536\n")
    assert list(service_users.commands(sysusers, etc)) == [make]


def test_without_newuidmap_there_are_no_ids(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "newuidmap" else f"/usr/bin/{name}")
    assert len(list(service_users.commands(etc / "precieux.conf", etc))) == 1
