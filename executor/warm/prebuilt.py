"""What runtimes need to start ahead of their programs, made once per toolchain and kept: Java's stubs and archive.

It is made by the toolchain, of our own sources, in a box like any other and with no submitted program near; boxes find
the folder read-only.
"""

import asyncio
import hashlib
import os
from pathlib import Path

from executor.catalogue import Installed
from executor.languages.base import Making
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
from shared.logging import get_logger

log = get_logger(__name__)

_MIB = 1 << 20
_LIMITS = StepLimits(
    cpu_s=60, wall_s=300, memory_bytes=1024 * _MIB, processes=256, open_files=256, file_bytes=64 * _MIB,
    stack_bytes=64 * _MIB, background=True,
)  # fmt: skip
_DISK_BYTES = 64 * _MIB
_DIAGNOSTICS_BYTES = 8192
_MEMORY_MIB = "512"


def folder_of(installed: Installed) -> str:
    """As boxes see it; named after all that it is made of, in this container and in the next."""
    language = installed.language
    sources = {name: _source(name).decode() for making in language.makings for name in making.sources}
    made_of = repr((installed.info, language.makings, sources))
    return f"{RUNTIMES}/{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"


async def make(sandbox: Sandbox, installed: Installed, folder: Path | None) -> bool:
    """Make what is missing in the host's `folder`; False when it cannot be had."""
    makings = installed.language.makings
    if not makings:
        return True
    if folder is None:
        return False
    place = folder / Path(folder_of(installed)).name
    try:
        for making in makings:
            if not (place / making.makes).exists():
                content = await build(sandbox, installed, making)
                await asyncio.to_thread(_store, place / making.makes, content)
    except (OSError, SandboxFailure) as exc:
        log.warning("runtime.not_made", language=installed.language.code, reason=str(exc))
        return False
    return True


async def build(sandbox: Sandbox, installed: Installed, making: Making) -> bytes:
    """`SandboxFailure` with what the toolchain says when it cannot be made."""
    argv = installed.command(making.command, runtime=folder_of(installed), memory_mib=_MEMORY_MIB)
    step = Step(argv, installed.environment, _LIMITS, _DIAGNOSTICS_BYTES, merge_output=True)
    sources = {name: File(_source(name)) for name in making.sources}
    box = Template(_DISK_BYTES, _LIMITS)
    (ended,) = await sandbox.run(Job(sources, (step,), box, artefact_bytes=_DISK_BYTES))
    if making.makes not in ended.artefacts:
        raise SandboxFailure(f"{making.makes}: {ended.stopped or ended.stdout.decode(errors='replace')}")
    return ended.artefacts[making.makes].content


def _source(name: str) -> bytes:
    return (preload_files() / name).read_bytes()


def _store(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o755, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
