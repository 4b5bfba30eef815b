"""`precieux backup`, `restore` and `upgrade`: a data folder is saved while it is used, lost, and restored."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

import pytest
import requests
from alembic import command

from precieux.installation.schema import revision_of
from precieux.postgres.data_directory import find_data_directory
from precieux.postgres.embedded import EmbeddedPostgres
from shared.adapters.database.migrate import alembic_config
from shared.adapters.database.roles import Role
from shared.adapters.database.schema import revisions
from tests.fixtures.postgres import value_of
from tests.fixtures.up import Up

pytestmark = pytest.mark.slow

_PROGRAM: Final = "for number in range(20000):\n    print(number, 'kept')\n"
_ROW: Final = "INSERT INTO uploads (id, email, language, object_key) VALUES (4711, 'old@example.com', 'py', 'a.py')"


def precieux(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "precieux", *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)


def succeeds(*arguments: str | Path) -> str:
    done = precieux(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refuses(*arguments: str | Path, **variables: str) -> str:
    done = precieux(*arguments, **variables)
    assert done.returncode in (1, os.EX_CONFIG)
    assert done.stderr.count("\n") == 1 or "Traceback" not in done.stderr
    return done.stderr


def test_a_backup_of_a_running_system_is_restored(up: Up, tmp_path: Path) -> None:
    source = tmp_path / "kept.py"
    source.write_text(_PROGRAM)
    saved = tmp_path / "precieux.tar.gz"

    def submitted(email: str) -> str:
        up.finished(email, up.submit(source, language="py", email=email))
        return whole_output(email)

    def whole_output(email: str) -> str:
        (row,) = up.results(email).values()
        answer = requests.get(row["filelink"], timeout=10)
        answer.raise_for_status()
        return answer.text

    up.start()
    output = submitted("before@example.com")
    assert output.endswith("19999 kept\n")
    assert "Wrote" in succeeds("backup", saved, "--data-dir", up.data_dir)
    assert saved.stat().st_mode & 0o777 == 0o600
    submitted("after@example.com")
    assert "There are data in" in refuses("restore", saved, "--data-dir", up.data_dir)
    assert up.stop() == 0
    up.data_dir.rename(tmp_path / "lost")
    succeeds("restore", saved, "--data-dir", up.data_dir)
    up.start()
    # The link was signed with the key of the lost folder, and leads to the object.
    assert whole_output("before@example.com") == output
    assert up.results("after@example.com") == {}
    assert submitted("again@example.com") == output


def test_data_of_an_earlier_schema_are_restored_and_upgraded(open_folder: Path) -> None:
    data_dir, saved = open_folder / "data", open_folder / "precieux.tar.gz"
    earlier, current = revisions()[-3], revisions()[-1]
    data_dir.mkdir(mode=0o711)
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        command.upgrade(alembic_config(postgres.url(Role.OWNER)), earlier)
        value_of(postgres, _ROW)
    assert "2 changes of the schema are to be made" in succeeds("upgrade", "--check", "--data-dir", data_dir)
    assert f"schema {earlier}" in succeeds("backup", saved, "--data-dir", data_dir)
    shutil.rmtree(data_dir)
    succeeds("restore", saved, "--data-dir", data_dir)
    assert f"up to date (schema {current})" in succeeds("upgrade", "--check", "--data-dir", data_dir)
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        assert revision_of(postgres.url(Role.OWNER)) == current
        assert value_of(postgres, "SELECT email FROM uploads WHERE id = 4711") == "old@example.com"
        # The roles of the services have their rights on what was restored.
        assert value_of(postgres, "SELECT count(*) FROM uploads", Role.API) == 1


def test_upgrade_brings_the_data_to_this_release(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder / "postgres") as postgres:
        command.upgrade(alembic_config(postgres.url(Role.OWNER)), revisions()[-2])
    assert "1 changes" in succeeds("upgrade", "--check", "--data-dir", open_folder)
    assert "up to date" in succeeds("upgrade", "--data-dir", open_folder)
    with EmbeddedPostgres(open_folder / "postgres") as postgres:
        assert revision_of(postgres.url(Role.OWNER)) == revisions()[-1]


@pytest.mark.parametrize(("oldest_program", "is_usable"), [("0001", True), ("9998", False)])
def test_data_of_a_newer_schema_are_restored_if_usable(open_folder: Path, oldest_program: str, is_usable: bool) -> None:
    data_dir, saved = open_folder / "data", open_folder / "precieux.tar.gz"
    data_dir.mkdir(mode=0o711)
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        command.upgrade(alembic_config(postgres.url(Role.OWNER)), "head")
        value_of(postgres, _ROW)
        value_of(postgres, "UPDATE alembic_version SET version_num = '9999'")
        value_of(postgres, f"COMMENT ON TABLE alembic_version IS '{oldest_program}'")
    assert "schema 9999" in succeeds("backup", saved, "--data-dir", data_dir)
    check = succeeds if is_usable else refuses
    assert "newer release (schema 9999)" in check("upgrade", "--check", "--data-dir", data_dir)
    shutil.rmtree(data_dir)
    if not is_usable:
        assert "schema (9999) is too new" in refuses("restore", saved, "--data-dir", data_dir)
        assert not data_dir.exists()
        return
    succeeds("restore", saved, "--data-dir", data_dir)
    with EmbeddedPostgres(data_dir / "postgres") as postgres:
        assert revision_of(postgres.url(Role.OWNER)) == "9999"
        assert value_of(postgres, "SELECT count(*) FROM uploads", Role.API) == 1


def test_a_file_that_is_no_backup_leaves_no_folder(open_folder: Path) -> None:
    data_dir, saved, cut = open_folder / "data", open_folder / "precieux.tar.gz", open_folder / "cut.tar.gz"
    with EmbeddedPostgres(open_folder / "made/postgres"):
        pass
    succeeds("upgrade", "--data-dir", open_folder / "made")
    succeeds("backup", saved, "--data-dir", open_folder / "made")
    assert f"{saved} exists" in refuses("backup", saved, "--data-dir", open_folder / "made")
    cut.write_bytes(saved.read_bytes()[: saved.stat().st_size // 2])
    assert "is not a whole backup" in refuses("restore", cut, "--data-dir", data_dir)
    other = open_folder / "other.tar.gz"
    with tarfile.open(other, "w:gz") as archive:
        archive.add(__file__, "readme.txt")
    assert "is not a backup that" in refuses("restore", other, "--data-dir", data_dir)
    assert not data_dir.exists()


@pytest.fixture
def saved(open_folder: Path) -> Path:
    """Return a backup with one object."""
    succeeds("migrate", "--data-dir", open_folder / "made")
    (open_folder / "made/objects/1.py").write_text("print(1)")
    succeeds("backup", open_folder / "saved.tar.gz", "--data-dir", open_folder / "made")
    return open_folder / "saved.tar.gz"


def rewrite(saved: Path, target: Path, files: dict[str, bytes | None]) -> None:
    """Write a backup with these members added or replaced; None leaves one out. The list of digests follows them."""
    with tarfile.open(saved) as archive:
        members = {member.name: (archive.extractfile(member) or io.BytesIO()).read() for member in archive}
    listed = members.pop("files.sha256")
    members |= {name: content for name, content in files.items() if content is not None}
    for name in [name for name, content in files.items() if content is None]:
        del members[name]
    with tarfile.open(target, "w:gz") as tampered:
        for name, content in (members | {"files.sha256": listed}).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tampered.addfile(member, io.BytesIO(content))


def test_a_backup_with_other_files_than_listed_is_refused(open_folder: Path, saved: Path) -> None:
    data_dir, other = open_folder / "data", open_folder / "other.tar.gz"
    changes: list[dict[str, bytes | None]] = [
        {"files/objects/1.py": None},
        {"files/objects/1.py": b"print(2)"},
        {"files/objects/2.py": b"print(1)"},
    ]
    for change in changes:
        rewrite(saved, other, change)
        assert "is not a whole backup" in refuses("restore", other, "--data-dir", data_dir)
        assert not data_dir.exists()
    rewrite(saved, other, {})
    succeeds("restore", other, "--data-dir", data_dir)
    assert (data_dir / "objects/1.py").read_text() == "print(1)"


def test_a_false_backup_writes_only_files_that_a_backup_has(open_folder: Path, saved: Path) -> None:
    data_dir, false = open_folder / "data", open_folder / "false.tar.gz"
    run_by_postgres = b"archive_mode = on\narchive_command = 'touch /tmp/by-postgres'\n"
    names = ("postgres/cluster/postgresql.auto.conf", "objects/../postgres/x", "../x", "/x", "api-key.1", "a/.b")
    for name in names:
        rewrite(saved, false, {f"files/{name}": run_by_postgres})
        assert "is not a backup that" in refuses("restore", false, "--data-dir", data_dir)
        assert not data_dir.exists()
    assert [path for path in open_folder.rglob("*") if path.is_file() and path.read_bytes() == run_by_postgres] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's database is elsewhere")
def test_a_restore_never_touches_a_database_that_is_elsewhere(open_folder: Path) -> None:
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    data_dir, moved = private / "data", private / "moved"
    succeeds("migrate", "--data-dir", data_dir)
    succeeds("backup", open_folder / "saved.tar.gz", "--data-dir", data_dir)
    database = find_data_directory(data_dir / "postgres").folder
    data_dir.rename(moved)
    refusal = refuses("restore", open_folder / "saved.tar.gz", "--data-dir", data_dir)
    assert f"There are data in {database}: stop" in refusal
    assert not data_dir.exists()
    moved.rename(data_dir)
    assert "up to date" in succeeds("upgrade", "--check", "--data-dir", data_dir)
    shutil.rmtree(database)


@pytest.mark.parametrize(
    "manifest", [b"{}", b"[]", b"null", b"\xff", b"{" * 99999, b'{"format": "1"}', b" " * (1 << 20)]
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: bytes) -> None:
    with tarfile.open(tmp_path / "false.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(manifest)
        archive.addfile(member, io.BytesIO(manifest))
    assert "is not a backup that" in refuses("restore", tmp_path / "false.tar.gz", "--data-dir", tmp_path / "data")


def test_a_restore_that_was_killed_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "restoring").touch()
    for arguments in (("up",), ("migrate",), ("backup", tmp_path / "x.tar.gz"), ("upgrade", "--check")):
        assert "did not end, so the data are not whole" in refuses(*arguments, "--data-dir", tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PRECIEUX_DATABASE_URL", "postgresql://u:p@127.0.0.1/d"), ("PRECIEUX_S3_BUCKET", "files")],
)
def test_data_that_are_elsewhere_are_not_backed_up(tmp_path: Path, name: str, value: str) -> None:
    assert name in refuses("backup", tmp_path / "x.tar.gz", "--data-dir", tmp_path, **{name: value})
