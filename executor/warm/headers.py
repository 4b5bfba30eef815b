"""Precompiles the headers that many C++ programs include first.

GCC uses a precompiled header only if a program includes it first, and if the compiler, its flags and its macros are
those that it was compiled with. Without one, the same program only compiles more slowly. GCC does not notice that a
header has changed, so we compare the sources' digests at the start and compile a changed header again.

The headers are compiled from the toolchain's own files, in a box that no submitted program is in. All other boxes can
only read them. If the compiler can load our plugin (`preload/instantiate.c`), the header's templates are instantiated
too, provided that the reference program still compiles with the result.

Gain: `<bits/stdc++.h>` takes GCC more than a second, and a quarter of that if it is precompiled (ADR 22). With its
templates instantiated, a program that includes it takes 45 ms of CPU time instead of 225 with GCC 12, and 310 ms
instead of 530 with GCC 14 (ADR 22).
"""

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

from executor.catalogue.installed import Installed
from executor.sandbox.base import Sandbox, SandboxFailure, StepResult, WorkFile
from executor.warm import prebuilt
from shared.common.files.atomic_write import replace_file
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: The files that `Headers.command` makes: the header, and a rule for `make` that names its sources.
_HEADER, _RULE = "made.gch", "made.d"
#: Makes the plugin instantiate the templates.
_INSTANTIATE = "#pragma precieux instantiate\n"


async def make(sandbox: Sandbox, installed: Iterable[Installed], folder: Path | None) -> None:
    """Precompile the headers that are missing or out of date, if there is a folder for them."""
    if folder is None:
        return
    wanted = [(language, header) for language in installed if language.headers for header in language.headers.names]
    for language, header in wanted:
        precompiled = _Precompiled(folder / language.headers_key, header)
        try:
            if not await asyncio.to_thread(precompiled.is_current):
                precompiled.discard()
                await _compile(sandbox, language, precompiled)
        except (OSError, SandboxFailure) as exc:
            log.warning("header.left_out", header=header, reason=str(exc))


async def _compile(sandbox: Sandbox, language: Installed, precompiled: "_Precompiled") -> None:
    if compiled_files := await _compile_with_plugin(sandbox, language, precompiled.header):
        await asyncio.to_thread(precompiled.store, compiled_files)
        return
    result = await _precompile(sandbox, language, precompiled.header, {})
    if not _is_made(result):
        log.warning("header.left_out", header=precompiled.header, reason=result.why_failed)
        return
    await asyncio.to_thread(precompiled.store, result.compiled_files)
    log.info("header.precompiled", header=precompiled.header, cpu_s=result.cpu_s)


async def _compile_with_plugin(sandbox: Sandbox, language: Installed, header: str) -> dict[str, WorkFile] | None:
    """Return the header compiled with the plugin, and its rule. None if there is no plugin or it does not work."""
    plugin = language.headers.plugin if language.headers else None
    if plugin is None:
        return None
    try:
        files = await prebuilt.build(sandbox, language, plugin)
        result = await _precompile(sandbox, language, header, files, plugin=f"-fplugin=./{plugin.file}")
        proof = await _use(sandbox, language, result.compiled_files) if _is_made(result) else result
        if proof.succeeded:
            log.info("header.precompiled", header=header, cpu_s=result.cpu_s, instantiated=True)
            return result.compiled_files
        log.info("header.not_instantiated", header=header, reason=proof.why_failed)
    except SandboxFailure as exc:
        log.info("header.not_instantiated", header=header, reason=str(exc))
    return None


async def _precompile(
    sandbox: Sandbox, language: Installed, header: str, files: dict[str, WorkFile], plugin: str = ""
) -> StepResult:
    assert language.headers
    # It has the usual name of a program, so that "In file included from" reads the same as without this header.
    name = language.language.names_for("").source
    argv = language.command(language.headers.command, source=name, plugin=plugin)
    source = f"#include <{header}>\n{_INSTANTIATE if plugin else ''}"
    return await prebuilt.run_tool(sandbox, language, argv, {name: WorkFile(source.encode()), **files})


async def _use(sandbox: Sandbox, language: Installed, compiled_files: dict[str, WorkFile]) -> StepResult:
    """Compile the reference program with the precompiled header."""
    assert language.language.compile
    name = language.language.names_for("").source
    argv = language.command(language.language.compile.command, source=name)
    source = f'#include "made"\n{language.language.reference.source}'
    files = {name: WorkFile(source.encode()), _HEADER: compiled_files[_HEADER]}
    return await prebuilt.run_tool(sandbox, language, argv, files)


def _is_made(result: StepResult) -> bool:
    return result.succeeded and {_HEADER, _RULE} <= set(result.compiled_files)


class _Precompiled:
    """The file of a precompiled header, and a list of its sources, with the digest and path of each."""

    def __init__(self, folder: Path, header: str) -> None:
        self.header = header
        self._file = folder / f"{header}.gch"
        self._sources = folder / f"{header}.sources"

    def is_current(self) -> bool:
        try:
            lines = self._sources.read_text().splitlines()
            return self._file.exists() and lines == [_describe(line.partition(" ")[2]) for line in lines]
        except OSError:
            return False

    def discard(self) -> None:
        self._file.unlink(missing_ok=True)

    def store(self, compiled_files: dict[str, WorkFile]) -> None:
        prebuilt.make_folder(self._file.parent)
        # The path of our own source is relative.
        paths = [word for word in compiled_files[_RULE].content.decode().split() if word.startswith("/")]
        self._sources.write_text("".join(f"{_describe(path)}\n" for path in paths))
        replace_file(self._file, compiled_files[_HEADER].content, mode=0o644)


def _describe(path: str) -> str:
    """Return the digest and path of a file. The times of an image's files do not show a change."""
    return f"{hashlib.sha256(Path(path).read_bytes()).hexdigest()} {path}"
