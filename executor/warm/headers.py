"""Headers that many programs begin with, compiled ahead, so that C++ compiles in a fraction of the time.

GCC reads a precompiled header instead of the header itself only where that is the first thing that a program includes,
and where compiler, flags and macros are those with which it was made. So what is missing here, or not made yet, costs a
program time and never its meaning. What GCC does not notice is that a header has changed: then we make it anew.

They are made before any submitted program could have a hand in it, from the toolchain's own files alone, and programs
find the folder read-only.

A compiler that can be taught to (`preload/instantiate.c`) makes them with the templates instantiated that the header
itself asks for, provided that it still compiles the language's own program with the outcome.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from executor.catalogue import Installed
from executor.sandbox.base import File, Job, Sandbox, SandboxFailure, Step, StepLimits, StepResult, Template
from executor.warm import prebuilt
from shared.logging import get_logger

log = get_logger(__name__)

_MIB = 1 << 20
_LIMITS = StepLimits(
    cpu_s=120,
    wall_s=600,
    memory_bytes=2048 * _MIB,
    processes=64,
    open_files=256,
    file_bytes=512 * _MIB,
    stack_bytes=64 * _MIB,
    background=True,
)
_DISK_BYTES = 768 * _MIB
_DIAGNOSTICS_BYTES = 8192
#: What `Language.precompile` makes: the header, and a rule for `make` that names the files it is made of.
_HEADER, _RULE = "made.gch", "made.d"
#: For the plugin; to a compiler without it, it says nothing.
_INSTANTIATE = "#pragma precieux instantiate\n"
#: `background` takes cgroups; this works without.
_PATIENTLY = ("/usr/bin/nice", "-n", "19")


def find_folder(configured: Path | None, name: str = "headers") -> Path | None:
    """In the operator's choice, or the system's place for such things, or the user's; None where there can be none.

    Compilers will believe what lies there, so nobody but us and root may write it.
    """
    try:
        folder = (configured or _default()) / name
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        status = folder.stat()
    except (OSError, RuntimeError) as exc:
        log.info("cache.no_folder", folder=name, reason=str(exc))
        return None
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        log.warning("cache.folder_not_trusted", folder=str(folder), owner=status.st_uid, mode=oct(status.st_mode))
        return None
    return folder


def _default() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/precieux")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "precieux"


async def make(sandbox: Sandbox, installed: Iterable[Installed], folder: Path | None) -> None:
    """Make what is missing or out of date, where there is a folder for it."""
    if folder is None:
        return
    wanted = [(language, header) for language in installed for header in language.language.headers]
    for language, header in wanted:
        precompiled = _Precompiled(folder / language.headers_key, header)
        try:
            if not await asyncio.to_thread(precompiled.is_current):
                precompiled.discard()
                await _compile(sandbox, language, precompiled)
        except (OSError, SandboxFailure) as exc:
            log.warning("header.left_out", header=header, reason=str(exc))


async def _compile(sandbox: Sandbox, language: Installed, precompiled: "_Precompiled") -> None:
    if language.language.plugin and (made := await _compile_thoroughly(sandbox, language, precompiled.header)):
        await asyncio.to_thread(precompiled.store, made)
        return
    ended = await _precompile(sandbox, language, precompiled.header, {})
    if not _is_made(ended):
        log.warning("header.left_out", header=precompiled.header, reason=_reason(ended))
        return
    await asyncio.to_thread(precompiled.store, ended.artefacts)
    log.info("header.precompiled", header=precompiled.header, cpu_s=ended.cpu_s)


async def _compile_thoroughly(sandbox: Sandbox, language: Installed, header: str) -> dict[str, File] | None:
    """With the compiler's plugin; None where that leads to nothing."""
    plugin = language.language.plugin
    assert plugin
    try:
        files = {plugin.makes: File(await prebuilt.build(sandbox, language, plugin))}
        ended = await _precompile(sandbox, language, header, files, plugin=f"-fplugin=./{plugin.makes}")
        proof = await _use(sandbox, language, ended.artefacts) if _is_made(ended) else ended
        if proof.succeeded:
            log.info("header.precompiled", header=header, cpu_s=ended.cpu_s, instantiated=True)
            return ended.artefacts
        log.info("header.not_instantiated", header=header, reason=_reason(proof))
    except SandboxFailure as exc:
        log.info("header.not_instantiated", header=header, reason=str(exc))
    return None


async def _precompile(
    sandbox: Sandbox, language: Installed, header: str, files: dict[str, File], plugin: str = ""
) -> StepResult:
    # Called like the program, so that "In file included from" reads as ever.
    name = language.language.names_for("").source
    argv = language.command(language.language.precompile, source=name, plugin=plugin)
    source = f"#include <{header}>\n{_INSTANTIATE if plugin else ''}"
    return await _run(sandbox, language, (*_PATIENTLY, *argv), {name: File(source.encode()), **files})


async def _use(sandbox: Sandbox, language: Installed, made: dict[str, File]) -> StepResult:
    """Compile the language's own program with what was made."""
    assert language.language.compile
    name = language.language.names_for("").source
    argv = language.command(language.language.compile, source=name)
    source = f'#include "made"\n{language.language.reference.source}'
    return await _run(sandbox, language, argv, {name: File(source.encode()), _HEADER: made[_HEADER]})


async def _run(sandbox: Sandbox, language: Installed, argv: tuple[str, ...], files: dict[str, File]) -> StepResult:
    step = Step(argv, language.environment, _LIMITS, _DIAGNOSTICS_BYTES, merge_output=True)
    (ended,) = await sandbox.run(Job(files, (step,), Template(_DISK_BYTES, _LIMITS), artefact_bytes=_DISK_BYTES))
    return ended


def _is_made(ended: StepResult) -> bool:
    return ended.succeeded and {_HEADER, _RULE} <= set(ended.artefacts)


def _reason(ended: StepResult) -> str:
    return ended.stopped or ended.stdout.decode(errors="replace")


class _Precompiled:
    """One header's file, and beside it a list of what it was made of: digest and path of each."""

    def __init__(self, folder: Path, header: str) -> None:
        self.header = header
        self._file = folder / f"{header}.gch"
        self._sources = folder / f"{header}.sources"

    def is_current(self) -> bool:
        try:
            made_of = self._sources.read_text().splitlines()
            return self._file.exists() and made_of == [_describe(line.partition(" ")[2]) for line in made_of]
        except OSError:
            return False

    def discard(self) -> None:
        self._file.unlink(missing_ok=True)

    def store(self, made: dict[str, File]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        paths = _paths(made[_RULE].content.decode())
        self._sources.write_text("".join(f"{_describe(path)}\n" for path in paths))
        draft = self._file.with_suffix(f".{os.getpid()}")
        try:
            draft.write_bytes(made[_HEADER].content)
            draft.replace(self._file)
        finally:
            draft.unlink(missing_ok=True)


def _describe(path: str) -> str:
    """By content, as the times of an image's files tell nothing."""
    return f"{hashlib.sha256(Path(path).read_bytes()).hexdigest()} {path}"


def _paths(dependencies: str) -> Iterator[str]:
    """The absolute ones of a make rule; our own source is not."""
    return (word for word in dependencies.split() if word.startswith("/"))
