"""Installs a toolchain as a whole or not at all, proves it in the sandbox, and removes it."""

import contextlib
import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from executor.catalogue.chosen import Chosen
from executor.catalogue.find import examine
from executor.doctor import language_check
from executor.host import find_mechanisms
from executor.languages import known
from executor.languages.toolchain import DESCRIPTION, IN_BOXES, Toolchain, description_of, in_folder, read
from executor.pipeline.run import Pipeline
from executor.sandbox.base import BoundedSandbox, SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.toolchains import archives
from executor.toolchains.archives import InstallFailed

#: The beginning of the names of folders that are not yet, or no longer, a toolchain's.
_DRAFT: Final = ".draft-"
#: The right of other users to see what is in a folder.
_EVERYONE: Final = 0o005


@contextlib.contextmanager
def draft_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder below `folder`, which is gone afterwards. Only one process at a time has one.

    Raises `InstallFailed` if the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_mode & _EVERYONE != _EVERYONE:  # programs run as other users
            folder.chmod(0o755)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob(f"{_DRAFT}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
    except OSError as exc:
        raise InstallFailed(f"{folder} cannot be used ({exc.strerror}): set PRECIEUX_TOOLCHAINS to a folder.") from exc
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(descriptor)


def prepare(toolchain: Toolchain, folder: Path, draft: Path) -> Toolchain:
    """Return the toolchain, fetched and unpacked in the folder `draft`. Raises `InstallFailed`."""
    place = draft / toolchain.name
    wanted = [archive for archive in toolchain.archives if archive.machine in ("", platform.machine())]
    if not wanted:
        raise InstallFailed(f"{toolchain.name} does not exist for {platform.machine()}.")
    installed = in_folder(folder)
    programs = {tool: one.folder / path for one in installed for tool, path in one.programs.items()}
    try:
        for archive in wanted:
            file = archives.fetch(archive, draft, programs)
            archives.verify(file, archive)
            archives.unpack(file, place / archive.into)
            shutil.rmtree(file.parent)
        (place / DESCRIPTION).write_bytes(description_of(toolchain.name))
        draft.chmod(0o755)
        archives.let_everyone_read(place)
    except OSError as exc:
        raise InstallFailed(f"{toolchain.name} cannot be unpacked in {folder} ({exc.strerror or exc}).") from exc
    return read(place / DESCRIPTION, toolchain.name, f"{IN_BOXES}/{draft.name}/{toolchain.name}")


async def prove(toolchain: Toolchain, folder: Path, settings: ExecutorSettings) -> None:
    """Run the own program of each language that the toolchain serves. Raises `InstallFailed` if one does not work."""
    others = tuple(other for other in in_folder(folder) if other.name != toolchain.name)
    # It is proved even if it will be used beside others.
    chosen = Chosen(toolchains=(*others, replace(toolchain, beside=False)), folders={IN_BOXES: folder})
    only = replace(chosen, toolchains=tuple(other for other in chosen.toolchains if not _competes(other, toolchain)))
    sandbox = BubblewrapSandbox(find_mechanisms(settings, chosen.folders))
    try:
        await sandbox.start()
        found, left_out = await examine(sandbox, settings.executor_slots, only, toolchain.languages)
        bounded = BoundedSandbox(sandbox, settings.executor_slots)
        plain = {code: replace(language, others=()) for code, language in found.items()}
        faults = left_out | await language_check.faults(Pipeline(bounded, settings), plain)
    except SandboxFailure as exc:
        raise InstallFailed(f"The sandbox does not start ({exc}): run `precieux doctor`.") from exc
    finally:
        await sandbox.aclose()
    for code in toolchain.languages:
        language = found.get(code)
        if language is None and code not in faults:
            raise InstallFailed(f"{toolchain.name} needs more for {code}: {_missing(code, only)}.")
        fault = (language.fault if language else None) or faults.get(code)
        if fault:
            raise InstallFailed(f"{toolchain.name} does not work here. Its own program in {code}: {fault}")


def _competes(other: Toolchain, toolchain: Toolchain) -> bool:
    """Return True if another toolchain serves one of its languages."""
    return other.name != toolchain.name and not set(other.languages).isdisjoint(toolchain.languages)


def _missing(code: str, chosen: Chosen) -> str:
    """Return the usual places of the tools that this machine lacks for the language."""
    language = chosen.toolchains[-1].definitions.get(code) or known()[code]
    have = {tool for toolchain in chosen.toolchains for tool in toolchain.programs}
    lacking = [f"{tool} (as {places[0]})" for tool, places in language.tools.items() if tool not in have]
    return " and ".join(lacking)


def put(toolchain: Toolchain, folder: Path, draft: Path) -> None:
    """Move a prepared toolchain to its place."""
    remove(toolchain.name, folder, draft)
    (draft / toolchain.name).rename(folder / toolchain.name)


def remove(name: str, folder: Path, draft: Path) -> None:
    """Remove a toolchain, if there is one, by moving it to the folder `draft`."""
    with contextlib.suppress(FileNotFoundError):
        (folder / name).rename(draft / "old")


def bytes_of(folder: Path) -> int:
    """Return what the folder takes on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
