"""Backups of an installation whose data are in its data folder, while it runs or not.

A backup is a tar file, compressed by gzip:

manifest.json    the release, the schema and the format; `restore` checks the format before it reads the rest
database.dump    the database, by pg_dump
files/           the rest of the data folder: objects, outbox, keys
files.sha256     the digests of the dump and of each file, as `sha256sum` prints them; `restore` compares them

The database is written first: a row without its object would be a loss, but an object without a row is harmless.
"""

import hashlib
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
from itertools import zip_longest
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Final

from precieux.installation.operator_database import address
from precieux.installation.schema import revision_of, upgrade_schema
from precieux.postgres.data_directory import find_data_directory, make_folder
from precieux.postgres.dumps import load_dump, write_dump
from precieux.postgres.embedded import EmbeddedPostgres
from precieux.up.settings import RESTORING, UpSettings, prepare_data_dir, require_data_dir
from shared.adapters.database.roles import Role
from shared.common.service.errors import ConfigurationError, PrecieuxError
from shared.common.version import VERSION

_MANIFEST: Final = "manifest.json"
_DUMP: Final = "database.dump"
_FILES: Final = "files"
_DIGESTS: Final = "files.sha256"
_POSTGRES: Final = "postgres"
_FORMAT: Final = 1
_MAX_MANIFEST: Final = 65536
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a backup."""

    format: int
    version: str
    schema: str | None
    created_at: str


def back_up(settings: UpSettings, target: Path) -> Manifest:
    """Write a backup of the data folder to `target`, which must not exist. Only its owner can read it."""
    data_dir = settings.data_dir
    require_data_dir(data_dir)
    with ExitStack() as stack:
        draft = stack.enter_context(_new_file(target))
        # It is as large as the database, so it does not go to a temporary folder in memory.
        dump = stack.enter_context(tempfile.TemporaryFile(dir=target.absolute().parent))
        digests = stack.enter_context(tempfile.TemporaryFile(dir=target.absolute().parent))
        url = stack.enter_context(address(settings, Role.OWNER))
        manifest = Manifest(_FORMAT, VERSION, revision_of(url), datetime.now(UTC).isoformat(timespec="seconds"))
        write_dump(url, data_dir / _POSTGRES, dump)
        with tarfile.open(fileobj=draft, mode="w:gz", compresslevel=1) as archive:
            _add(archive, _MANIFEST, io.BytesIO(json.dumps(asdict(manifest), indent=2).encode()))
            digests.write(_add(archive, _DUMP, dump))
            for path in _files(data_dir):
                digests.write(_add_file(archive, path, f"{_FILES}/{path.relative_to(data_dir)}"))
            _add(archive, _DIGESTS, digests)
    return manifest


def restore(source: Path, data_dir: Path) -> Manifest:
    """Make the data folder from a backup, and upgrade its schema. The folder must be empty or not exist.

    Raise `ConfigurationError` if the folder or its database has files, or if the backup's schema is too new for this
    release. After a failure what was there is there, and nothing else.
    """
    try:
        with tarfile.open(source, mode="r:gz") as archive:
            manifest = _read_manifest(archive, source)
            with _new_folders(data_dir):
                (data_dir / RESTORING).touch()
                _fill(archive, data_dir, source)
            (data_dir / RESTORING).unlink()
    except (tarfile.TarError, EOFError) as exc:
        raise PrecieuxError(f"{source} is not a whole backup of Precieux ({exc}).") from exc
    except OSError as exc:
        raise PrecieuxError(f"{source} cannot be restored to {data_dir}: {exc}.") from exc
    return manifest


def _fill(archive: tarfile.TarFile, data_dir: Path, source: Path) -> None:
    with tempfile.TemporaryFile(dir=data_dir) as sums:
        expected: IO[bytes] | None = None
        for member in archive:
            inside = member.name.removeprefix(f"{_FILES}/")
            if member.name == _MANIFEST:
                continue
            if member.name == _DUMP:
                with tempfile.TemporaryFile(dir=data_dir) as dump:
                    shutil.copyfileobj(_content(archive, member), dump)
                    sums.write(_line(member.name, dump))
                    _load(dump, data_dir)
            elif member.name == _DIGESTS:
                expected = _content(archive, member)
                break
            # In a false backup, a file may be of the database, which runs commands that its settings name.
            elif inside != member.name and member.isfile() and _is_saved(PurePosixPath(inside)):
                archive.extract(member.replace(name=inside, deep=False), data_dir, filter="data")
                with (data_dir / inside).open("rb") as file:
                    sums.write(_line(member.name, file))
            else:
                raise _no_backup(source)
        sums.seek(0)
        has_database = sums.readline().endswith(f"  {_DUMP}\n".encode())
        sums.seek(0)
        if not has_database or expected is None or any(one != other for one, other in zip_longest(sums, expected)):
            raise tarfile.TarError(f"its files are not those that its {_DIGESTS} names")


def _load(dump: IO[bytes], data_dir: Path) -> None:
    """Make the database of a dump, and upgrade its schema."""
    dump.seek(0)
    with EmbeddedPostgres(data_dir / _POSTGRES) as postgres:
        load_dump(postgres.url(Role.OWNER), data_dir / _POSTGRES, dump)
        upgrade_schema(postgres.url(Role.OWNER))


@contextmanager
def _new_folders(data_dir: Path) -> Iterator[None]:
    """Make the data folder, and remove it if the block fails. Refuse one with files, or with a database elsewhere.

    The database of root's folder may be where its account can reach it. It stays there when the folder is moved away.
    """
    was_there = data_dir.exists()
    if was_there:
        _require_empty(data_dir)
    prepare_data_dir(data_dir)
    database: Path | None = None
    try:
        database_folder = find_data_directory(data_dir / _POSTGRES).folder
        _require_empty(database_folder)
        database = database_folder
        yield
    except BaseException:
        for made in filter(None, (database, data_dir)):
            shutil.rmtree(made, ignore_errors=True)
        if was_there:
            make_folder(data_dir)
        raise


def _require_empty(folder: Path) -> None:
    if any(folder.iterdir()):
        raise ConfigurationError(
            f"There are data in {folder}: stop Precieux, move that folder away, and restore again; or restore to"
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


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> bytes:
    """Add what the file holds, and return the line of its digest."""
    member = tarfile.TarInfo(name)
    member.size = content.seek(0, os.SEEK_END)
    member.mode = 0o600
    content.seek(0)
    archive.addfile(member, content)
    return _line(name, content)


def _add_file(archive: tarfile.TarFile, path: Path, name: str) -> bytes:
    """Add a file, and return the line of its digest; nothing if the file is removed meanwhile."""
    try:
        with path.open("rb") as content:
            member = archive.gettarinfo(arcname=name, fileobj=content)
            archive.addfile(member, content)
            return _line(name, content)
    except FileNotFoundError:
        return b""


def _line(name: str, content: IO[bytes]) -> bytes:
    content.seek(0)
    digest = hashlib.sha256()
    while some := content.read(_PIECE):
        digest.update(some)
    return f"{digest.hexdigest()}  {name}\n".encode()


def _read_manifest(archive: tarfile.TarFile, source: Path) -> Manifest:
    """Return the manifest. Raise an error if the archive is not a backup, or has a newer format."""
    first = archive.next()
    if first is None or first.name != _MANIFEST:
        raise _no_backup(source)
    try:
        manifest = Manifest(**json.loads(_content(archive, first).read(_MAX_MANIFEST)))
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
