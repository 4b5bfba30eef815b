"""Files that compilers need, such as Go's compiled standard library. They are built once for each toolchain.

The toolchain builds them from our own sources, in a box that no submitted program is in. All other boxes can only read
them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from executor.catalogue.installed import Installed
from executor.languages.base import Prebuilt
from executor.sandbox.base import (
    Job,
    Sandbox,
    SandboxFailure,
    Step,
    StepLimits,
    StepResult,
    Template,
    WorkFile,
    all_files,
    preload_files,
)
from executor.settings import MIB
from shared.common.files.atomic_write import create_file
from shared.common.service.logging import get_logger

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=240, wall_s=1200, memory_bytes=2048 * MIB, processes=256, open_files=256, file_bytes=512 * MIB,
    stack_bytes=64 * MIB, background=True,
)  # fmt: skip
_DISK_BYTES = 768 * MIB
_DIAGNOSTICS_BYTES = 8192
#: `StepLimits.background` needs cgroups. This works without.
_LOW_PRIORITY = ("/usr/bin/nice", "-n", "19")


async def make(sandbox: Sandbox, installed: Installed, folder: Path | None) -> bool:
    """Build the language's files in the host's `folder` if they are missing. Return False if they cannot be built.

    If several executors build the same file, the first one counts for all of them.
    """
    prebuilt = installed.language.prebuilt
    if prebuilt is None:
        return True
    if folder is None:
        return False
    place = folder / Path(installed.runtime_folder).name
    try:
        if not (place / prebuilt.file).exists():
            files = await build(sandbox, installed, prebuilt)
            await asyncio.to_thread(_create_all, place, prebuilt.file, files)
    except (OSError, SandboxFailure) as exc:
        log.warning("runtime.not_made", language=installed.language.code, reason=str(exc))
        return False
    return True


async def build(sandbox: Sandbox, installed: Installed, prebuilt: Prebuilt) -> dict[str, WorkFile]:
    """Return the file, and those that belong to it, by their paths. Raises `SandboxFailure` with the toolchain's output
    if the build fails."""
    sources = {name: WorkFile((preload_files() / name).read_bytes()) for name in prebuilt.sources}
    result = await run_tool(sandbox, installed, installed.command(prebuilt.command), sources)
    if prebuilt.file not in result.compiled_files:
        raise SandboxFailure(f"{prebuilt.file}: {result.why_failed}")
    folder, slash, _ = prebuilt.file.partition("/")
    return {
        path: file
        for path, file in result.compiled_files.items()
        if path == prebuilt.file or (slash and path.startswith(folder + slash) and not path.endswith(slash))
    }


async def run_tool(
    sandbox: Sandbox, installed: Installed, argv: Sequence[str], files: dict[str, WorkFile]
) -> StepResult:
    """Run a tool of the toolchain on our own files. The result has all files that it leaves."""
    words = (*_LOW_PRIORITY, *argv)
    step = Step(words, installed.environment, _LIMITS, _DIAGNOSTICS_BYTES, merge_output=True)
    return await sandbox.run(Job(files, step, Template(_DISK_BYTES, _LIMITS), all_files(_DISK_BYTES)))


def _create_all(place: Path, last: str, files: Mapping[str, WorkFile]) -> None:
    """Write the files, `last` at the end: if it is there, all are."""
    for path in sorted(files, key=lambda path: path == last):
        create(place / path, files[path].content)


def create(path: Path, content: bytes) -> None:
    """Write a file that all boxes can read, unless there is one."""
    make_folder(path.parent)
    create_file(path, content, mode=0o644)


def make_folder(folder: Path) -> None:
    """Make a folder that all boxes can read, with any umask, unless there is one."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
