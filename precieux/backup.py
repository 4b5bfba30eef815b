"""Backups of an installation whose data are in its data folder, while it runs or not.

A backup is a tar file, compressed by gzip:

manifest.json    the release, the schema and the format; `restore` checks the format before it reads the rest
database.dump    the database, by pg_dump
files/           the rest of the data folder: objects, outbox, keys

The database is written first: a row without its object would be a loss, but an object without a row is harmless.
"""

import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Final

from pydantic import SecretStr

from precieux.postgres.dumps import load_dump, write_dump
from precieux.postgres.embedded import EmbeddedPostgres, running_or_started
from precieux.postgres.home import find_home
from precieux.schema import revision_of
from precieux.up.settings import RESTORING, prepare_data_dir, require_data_dir
from shared.database.connection import DatabaseSettings
from shared.database.roles import Role
from shared.errors import ConfigurationError, PrecieuxError
from shared.version import VERSION

_MANIFEST: Final = "manifest.json"
_DUMP: Final = "database.dump"
_FILES: Final = "files"
_POSTGRES: Final = "postgres"
_FORMAT: Final = 1
_LONGEST_MANIFEST: Final = 65536


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a backup."""

    format: int
    version: str
    schema: str | None
    created_at: str


def back_up(data_dir: Path, target: Path) -> Manifest:
    """Write a backup of the data folder to `target`, which must not exist. Only its owner can read it."""
    require_data_dir(data_dir)
    postgres = data_dir / _POSTGRES
    with ExitStack() as stack:
        draft = stack.enter_context(_new_file(target))
        # It is as large as the database, so it does not go to a temporary folder in memory.
        dump = stack.enter_context(tempfile.TemporaryFile(dir=target.absolute().parent))
        url = stack.enter_context(running_or_started(postgres, Role.OWNER))
        manifest = Manifest(_FORMAT, VERSION, revision_of(url), datetime.now(UTC).isoformat(timespec="seconds"))
        write_dump(url, postgres, dump)
        with tarfile.open(fileobj=draft, mode="w:gz", compresslevel=1) as archive:
            _add(archive, _MANIFEST, io.BytesIO(json.dumps(asdict(manifest), indent=2).encode()))
            _add(archive, _DUMP, dump)
            for path in _files(data_dir):
                _add_file(archive, path, f"{_FILES}/{path.relative_to(data_dir)}")
    return manifest


def restore(source: Path, data_dir: Path) -> Manifest:
    """Make the data folder from a backup, and upgrade its schema. The folder must be empty or not exist.

    Raise `ConfigurationError` if the folder has files, or if the backup's schema is too new for this release. After a
    failure the folder is empty again.
    """
    try:
        with tarfile.open(source, mode="r:gz") as archive:
            manifest = _read_manifest(archive, source)
            _require_nothing_there(data_dir)
            prepare_data_dir(data_dir)
            (data_dir / RESTORING).touch()
            postgres = EmbeddedPostgres(data_dir / _POSTGRES)
            try:
                _fill(archive, data_dir, postgres)
            except BaseException:
                shutil.rmtree(postgres.folder, ignore_errors=True)
                shutil.rmtree(data_dir, ignore_errors=True)
                raise
            (data_dir / RESTORING).unlink()
    except (tarfile.TarError, EOFError) as exc:
        raise PrecieuxError(f"{source} is not a whole backup of Precieux ({exc}).") from exc
    except OSError as exc:
        raise PrecieuxError(f"{source} cannot be restored to {data_dir}: {exc}.") from exc
    return manifest


def _fill(archive: tarfile.TarFile, data_dir: Path, postgres: EmbeddedPostgres) -> None:
    from shared.database.migrate import upgrade_if_older  # Alembic is large, and most commands do not need it.

    has_database = False
    for member in archive:
        if member.name == _DUMP:
            with tempfile.TemporaryFile(dir=data_dir) as dump, postgres:
                shutil.copyfileobj(_content(archive, member), dump)
                dump.seek(0)
                load_dump(postgres.url(Role.OWNER), data_dir / _POSTGRES, dump)
                upgrade_if_older(DatabaseSettings(database_url=SecretStr(postgres.url(Role.OWNER))))
            has_database = True
        elif member.name.startswith(f"{_FILES}/") and member.isfile():
            inside = member.replace(name=member.name.removeprefix(f"{_FILES}/"), deep=False)
            # In a false backup, a file may be of the database, which runs commands that its settings name.
            if _is_saved(PurePosixPath(inside.name)):
                archive.extract(inside, data_dir, filter="data")
    if not has_database:
        raise PrecieuxError(f"{archive.name!r} is not a whole backup of Precieux: it has no database.")


def _require_nothing_there(data_dir: Path) -> None:
    folders = [data_dir] if data_dir.is_dir() and any(data_dir.iterdir()) else []
    if not folders and data_dir.is_dir() and (elsewhere := find_home(data_dir / _POSTGRES).folder / "cluster").exists():
        folders = [elsewhere.parent]
    if folders:
        raise ConfigurationError(
            f"There are data in {folders[0]}: stop Precieux, move that folder away, and restore again; or restore to"
            " another folder with --data-dir."
        )


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that gets its name only when it is complete."""
    if os.path.lexists(path):
        raise ConfigurationError(f"{path} exists: name a new file.")
    draft = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigurationError(
            f"{draft} exists: another backup writes it, or was killed. If none is running, remove it."
        ) from None
    except OSError as exc:
        raise PrecieuxError(f"The backup cannot be written to {path}: {exc.strerror}.") from exc
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as exc:
        raise PrecieuxError(f"The backup cannot be written to {path}: {exc.strerror}.") from exc
    finally:
        draft.unlink(missing_ok=True)


def _files(data_dir: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(data_dir):
        if Path(folder) == data_dir:
            folders[:] = [name for name in folders if name != _POSTGRES]
        paths = (Path(folder, name) for name in sorted(names))
        saved = (path for path in paths if _is_saved(path.relative_to(data_dir)))
        yield from (path for path in saved if path.is_file() and not path.is_symlink())


def _is_saved(path: PurePath) -> bool:
    """Return True if a backup has this file of the data folder: all but the database, drafts, and running services'."""
    is_inside = path.name != "" and not path.is_absolute() and ".." not in path.parts
    is_of_services = len(path.parts) == 1 and path.name.startswith("api-key.")
    return is_inside and path.parts[0] != _POSTGRES and not path.name.startswith(".") and not is_of_services


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = content.seek(0, os.SEEK_END)
    member.mode = 0o600
    content.seek(0)
    archive.addfile(member, content)


def _add_file(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Add a file, unless it is removed meanwhile."""
    try:
        with path.open("rb") as content:
            member = archive.gettarinfo(arcname=name, fileobj=content)
            archive.addfile(member, content)
    except FileNotFoundError:
        return


def _read_manifest(archive: tarfile.TarFile, source: Path) -> Manifest:
    """Return the manifest. Raise an error if the archive is not a backup, or has a newer format."""
    first = archive.next()
    if first is None or first.name != _MANIFEST:
        raise _no_backup(source)
    try:
        manifest = Manifest(**json.loads(_content(archive, first).read(_LONGEST_MANIFEST)))
        is_newer = manifest.format > _FORMAT
    except (ValueError, TypeError, RecursionError):
        raise _no_backup(source) from None
    if is_newer:
        raise ConfigurationError(
            f"{source} was made by Precieux {manifest.version}, and this is {VERSION}: install that release or a later"
            " one, and restore again."
        )
    return manifest


def _no_backup(source: Path) -> PrecieuxError:
    return PrecieuxError(f"{source} is not a backup that `precieux backup` has made.")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.TarError(f"{member.name} is not a file")
    return content
