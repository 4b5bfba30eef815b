"""Installs a toolchain as a whole or not at all, proves it in the sandbox, and removes it."""

import contextlib
import ctypes
import fcntl
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from executor.catalogue.chosen import Chosen
from executor.catalogue.find import examine
from executor.doctor import language_check
from executor.host import find_mechanisms
from executor.languages.toolchain import DESCRIPTION, IN_BOXES, Toolchain, in_folder
from executor.pipeline.run import Pipeline
from executor.sandbox.base import BoundedSandbox, SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.toolchains import archives
from executor.toolchains.archives import InstallFailed

#: The right of other users to see what is in a folder.
_EVERYONE: Final = 0o005
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_libc = ctypes.CDLL(None)


@contextlib.contextmanager
def draft_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder below `folder`, which is gone afterwards. Only one process at a time has one.

    Raises `InstallFailed` if the folder cannot be used, also in the block.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if folder.stat().st_mode & _EVERYONE != _EVERYONE:  # programs run as other users
                raise InstallFailed(f"Every user must be able to read {folder}: run `chmod 755 {folder}`.")
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                click.echo(f"Another command changes {folder}. This one waits for its end.", err=True)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            draft = folder / ".draft"
            shutil.rmtree(draft, ignore_errors=True)  # that of a process that was killed
            draft.mkdir()
            held.callback(shutil.rmtree, draft, ignore_errors=True)
            yield draft
        except OSError as exc:
            raise InstallFailed(
                f"{folder} cannot be used ({exc}): make room, or set PRECIEUX_TOOLCHAINS to another folder."
            ) from exc


def prepare(toolchain: Toolchain, folder: Path, draft: Path) -> Toolchain:
    """Return the toolchain, fetched and unpacked in the folder `draft`. Raises `InstallFailed`."""
    place = draft / toolchain.name
    if not toolchain.archives_here:
        raise InstallFailed(f"{toolchain.name} does not exist for {platform.machine()}.")
    programs = {tool: each.folder / path for each in in_folder(folder) for tool, path in each.programs.items()}
    for archive in toolchain.archives_here:
        file = archives.fetch(archive, draft, programs)
        archives.verify(file, archive)
        archives.unpack(file, place / archive.into)
        shutil.rmtree(file.parent)
    shutil.copyfile(toolchain.file, place / DESCRIPTION)
    return replace(toolchain, file=place / DESCRIPTION, place=f"{IN_BOXES}/{draft.name}/{toolchain.name}")


async def prove(toolchain: Toolchain, folder: Path, settings: ExecutorSettings) -> None:
    """Run the own program of each language that the toolchain serves. Raises `InstallFailed` if one does not work."""
    # It takes the place of others, even of those that it will stand beside.
    others = (other for other in in_folder(folder) if set(other.languages).isdisjoint(toolchain.languages))
    chosen = Chosen(toolchains=(*others, replace(toolchain, beside=False)), folders={IN_BOXES: folder})
    sandbox = BubblewrapSandbox(find_mechanisms(settings, chosen.folders))
    try:
        await sandbox.start()
        languages, _ = await examine(sandbox, settings.executor_slots, chosen, toolchain.languages)
        plain = {code: replace(language, others=()) for code, language in languages.items()}
        bounded = BoundedSandbox(sandbox, settings.executor_slots)
        faults = await language_check.faults(Pipeline(bounded, settings), plain)
    except SandboxFailure as exc:
        raise InstallFailed(f"The sandbox does not start ({exc}): run `precieux doctor`.") from exc
    finally:
        await sandbox.aclose()
    for code, fault in faults.items():
        raise InstallFailed(f"{toolchain.name} does not work here. Its own program in {code}: {fault}")


def put(toolchain: Toolchain, folder: Path, draft: Path) -> None:
    """Move a prepared toolchain to its place. An old one changes places with it in one step."""
    new, place = draft / toolchain.name, folder / toolchain.name
    if _libc.renameat2(_AT_FDCWD, bytes(new), _AT_FDCWD, bytes(place), _RENAME_EXCHANGE) == 0:
        return
    remove(toolchain.name, folder, draft)  # there is none, or it is on a file system without that step, such as NFS
    new.rename(place)


def remove(name: str, folder: Path, draft: Path) -> None:
    """Remove a toolchain, if there is one, by moving it to the folder `draft`."""
    with contextlib.suppress(FileNotFoundError):
        (folder / name).rename(draft / "old")


def bytes_of(folder: Path) -> int:
    """Return what the folder takes on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
