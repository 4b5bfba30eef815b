"""`python -m executor.warm`: builds headers and runtimes ahead, for an image whose files cannot change.

No box can be made where an image is built. None is needed, because only the toolchain and our own sources run.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from executor.cache_folder import find_folder
from executor.catalogue.chosen import find_chosen
from executor.catalogue.find import examine
from executor.sandbox.base import Job, StepResult, WorkFile
from executor.settings import ExecutorSettings
from executor.warm import headers, prebuilt
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import fail, load

#: A box's folder for temporary files, which some tools use for files of their own.
_SCRATCH: Final = "/box/tmp"


class _NoSandbox:
    """Runs a trusted job without a sandbox."""

    async def run(self, job: Job) -> StepResult:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as scratch:
            environment = {name: value.replace(_SCRATCH, scratch) for name, value in job.step.environment.items()}
            work = Path(folder)
            for name, file in job.files.items():
                (work / name).write_bytes(file.content)
            process = await asyncio.create_subprocess_exec(
                *job.step.argv,
                cwd=work,
                env={**environment, "HOME": folder},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
            files = await asyncio.to_thread(_files_in, work)
        return StepResult(process.returncode, stdout=output, compiled_files=files)


def _files_in(folder: Path) -> dict[str, WorkFile]:
    return {str(path.relative_to(folder)): WorkFile(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


async def precompile(settings: ExecutorSettings) -> None:
    folder = find_folder(settings.tuning.cache_dir, "headers")
    if folder is None:
        raise ConfigurationError(
            "No folder for precompiled headers can be used: make /var/cache/precieux as root, or set XDG_CACHE_HOME."
        )
    sandbox = _NoSandbox()
    installed, _ = await examine(sandbox, os.cpu_count() or 1, find_chosen(settings))
    if settings.tuning.precompile_headers:
        await headers.make(sandbox, installed.values(), folder)
    for language in installed.values():
        await prebuilt.make(sandbox, language, find_folder(settings.tuning.cache_dir, "runtimes"))


def main() -> int:
    try:
        configure_logging("precompile", load(LogSettings))
        asyncio.run(precompile(load(ExecutorSettings)))
    except ConfigurationError as exc:
        return fail(exc)
    return 0


if __name__ == "__main__":
    sys.exit(main())
