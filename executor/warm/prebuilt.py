"""Files that warm runtimes need, such as Java's stub and class archive. They are built once per toolchain.

The toolchain builds them from our own sources, in a box that no submitted program is in. All other boxes can only read
them.
"""

import asyncio
import hashlib
from pathlib import Path

from executor.catalogue import Installed
from executor.languages.base import Prebuilt
from executor.sandbox.base import (
    RUNTIMES,
    File,
    Job,
    Sandbox,
    SandboxFailure,
    Step,
    StepLimits,
    Template,
    preload_files,
)
from executor.settings import MIB
from shared.atomic_write import create_file
from shared.logging import get_logger

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=60, wall_s=300, memory_bytes=1024 * MIB, processes=256, open_files=256, file_bytes=64 * MIB,
    stack_bytes=64 * MIB, background=True,
)  # fmt: skip
_DISK_BYTES = 64 * MIB
_DIAGNOSTICS_BYTES = 8192
_MEMORY_MIB = "512"


def folder_of(installed: Installed) -> str:
    """Return the path of the language's folder in a box. The name depends on the toolchain and our sources."""
    files = installed.language.prebuilt
    sources = {name: _source(name).decode() for file in files for name in file.sources}
    parts = repr((installed.info, files, sources))
    return f"{RUNTIMES}/{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


async def make(sandbox: Sandbox, installed: Installed, folder: Path | None) -> bool:
    """Build the files that are missing or stale in the host's `folder`. False if one cannot be built.

    A file depends on those before it. If several executors build the same file, the first one counts for all of them.
    """
    if not installed.language.prebuilt:
        return True
    if folder is None:
        return False
    place = folder / Path(folder_of(installed)).name
    newest_ns = 0
    try:
        for prebuilt in installed.language.prebuilt:
            path = place / prebuilt.file
            made_ns = _made_ns(path)
            if made_ns is not None and made_ns < newest_ns:  # the file before it was replaced
                made_ns = None if _removed(path) else made_ns
            if made_ns is None:
                content = await build(sandbox, installed, prebuilt)
                await asyncio.to_thread(create, path, content)
                made_ns = path.stat().st_mtime_ns
            newest_ns = made_ns
    except (OSError, SandboxFailure) as exc:
        log.warning("runtime.not_made", language=installed.language.code, reason=str(exc))
        return False
    return True


def _removed(path: Path) -> bool:
    """Remove a stale file. False if this user may not: a stale file is better than none."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _made_ns(path: Path) -> int | None:
    """Return when a file was written, in nanoseconds since the epoch; None if there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


async def build(sandbox: Sandbox, installed: Installed, prebuilt: Prebuilt) -> bytes:
    """Return the content of the file. Raises `SandboxFailure` with the toolchain's output if the build fails."""
    argv = installed.command(prebuilt.command, runtime=folder_of(installed), memory_mib=_MEMORY_MIB)
    step = Step(argv, installed.environment, _LIMITS, _DIAGNOSTICS_BYTES, merge_output=True)
    sources = {name: File(_source(name)) for name in prebuilt.sources}
    box = Template(_DISK_BYTES, _LIMITS)
    (result,) = await sandbox.run(Job(sources, (step,), box, artefact_bytes=_DISK_BYTES))
    if prebuilt.file not in result.artefacts:
        raise SandboxFailure(f"{prebuilt.file}: {result.why_failed}")
    return result.artefacts[prebuilt.file].content


def _source(name: str) -> bytes:
    return (preload_files() / name).read_bytes()


def create(path: Path, content: bytes) -> None:
    """Write a file that all boxes can read, unless there is one."""
    make_folder(path.parent)
    create_file(path, content, mode=0o644)


def make_folder(folder: Path) -> None:
    """Make a folder that all boxes can read, with any umask, unless there is one."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
