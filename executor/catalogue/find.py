"""The languages that this machine can run, and their versions, read once at start inside the sandbox."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from executor import languages
from executor.catalogue import gcc_driver
from executor.catalogue.installed import ENVIRONMENT, Installed
from executor.languages.base import LanguageDefinition, Package, command
from executor.sandbox.base import Job, Sandbox, SandboxFailure, Step, StepLimits, StepResult, Template, WorkFile
from shared.engine.languages import position_of
from shared.service.logging import get_logger

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=10, wall_s=60, memory_bytes=1 << 30, processes=256, open_files=256, file_bytes=64 << 20, stack_bytes=8 << 20
)
_OUTPUT_BYTES = 65536
#: Seconds from the start until the languages that were left out are looked at again, and between two looks.
_AFTER_START_S = 60.0
_AGAIN_S = 300.0
#: Characters of a library's fault that are logged. A traceback says most at its end.
_MOST_OF_A_FAULT = 1000


async def look_again(
    sandbox: Sandbox,
    installed: dict[str, Installed],
    libraries: Mapping[str, tuple[Package, ...]] = MappingProxyType({}),
    *,
    after_s: float = _AFTER_START_S,
    again_s: float = _AGAIN_S,
) -> None:
    """Add the languages to `installed` that were left out and work now. On a busy host, their tools were too slow."""
    wait_s = after_s
    while left_out := {code: one for code, one in _candidates().items() if code not in installed}:
        await asyncio.sleep(wait_s)
        for code, (language, tools) in left_out.items():
            found = await _examine(sandbox, language, tools)
            if isinstance(found, Installed):
                examined = [await _examine_library(sandbox, found, one) for one in libraries.get(code, ())]
                installed[code] = replace(found, libraries=tuple(examined))
                log.info("language.found", language=code)
        in_order = sorted(installed.items(), key=lambda item: position_of(item[0]))
        installed.clear()
        installed.update(in_order)
        wait_s = again_s


async def examine(
    sandbox: Sandbox, at_once: int, libraries: Mapping[str, tuple[Package, ...]] = MappingProxyType({})
) -> tuple[dict[str, Installed], dict[str, str]]:
    """Return the installed languages that work, and why the others do not, both by CodeX code in the order of
    `shared.engine.languages`.

    A language whose toolchain does not work is logged, and so is a library that cannot be imported.
    """
    free = asyncio.Semaphore(at_once)

    async def examine_library(installed: Installed, library: Package) -> Package:
        async with free:
            return await _examine_library(sandbox, installed, library)

    async def examine_one(language: LanguageDefinition, tools: dict[str, str]) -> Installed | SandboxFailure:
        async with free:
            found = await _examine(sandbox, language, tools)
        if isinstance(found, SandboxFailure):
            log.warning("language.left_out", language=language.code, reason=str(found))
            return found
        examined = (examine_library(found, library) for library in libraries.get(language.code, ()))
        return replace(found, libraries=tuple(await asyncio.gather(*examined)))

    candidates = _candidates()
    examined = await asyncio.gather(*(examine_one(language, tools) for language, tools in candidates.values()))
    found = dict(sorted(zip(candidates, examined, strict=True), key=lambda item: position_of(item[0])))
    return (
        {code: one for code, one in found.items() if isinstance(one, Installed)},
        {code: str(one) for code, one in found.items() if isinstance(one, SandboxFailure)},
    )


def _candidates() -> dict[str, tuple[LanguageDefinition, dict[str, str]]]:
    """Return the languages whose tools are on this machine, with the paths of these."""
    return {code: (one, tools) for code, one in languages.known().items() if (tools := one.toolchain())}


async def _examine(sandbox: Sandbox, language: LanguageDefinition, tools: dict[str, str]) -> Installed | SandboxFailure:
    """Return the language, or a failure with the reason why it does not work."""
    try:
        result = await _run_step(sandbox, language, command(language.version_command, tools))
        if not result.succeeded:
            raise SandboxFailure(result.why_failed)
        installed = Installed(language, tools, result.stdout.decode(errors="replace"))
        if language.source_file.reserved:
            installed = await _with_reserved(sandbox, installed)
        if language.compile and language.compile.driver:
            source = language.names_for(language.reference.source).source
            words = gcc_driver.dry_run(installed.command(language.compile.words, source=source))
            result = await _run_step(sandbox, language, words, {source: WorkFile(language.reference.source.encode())})
            if result.succeeded and not result.truncated:
                installed = replace(installed, shortcut=gcc_driver.parse(result.stdout.decode(errors="replace")))
    except SandboxFailure as exc:
        return exc
    return installed


async def _examine_library(sandbox: Sandbox, installed: Installed, library: Package) -> Package:
    """Return the library, with its fault if a program cannot import its modules."""
    language = installed.language
    if not language.import_modules or not library.modules:
        return library
    words = installed.command(language.import_modules, modules=", ".join(library.modules))
    try:
        result = await _run_step(sandbox, language, words)
        fault = "" if result.succeeded else result.why_failed.strip()
    except SandboxFailure as exc:
        fault = str(exc)
    if fault:
        log.warning("library.left_out", language=language.code, library=library.name, reason=fault[-_MOST_OF_A_FAULT:])
    return replace(library, fault=fault)


async def _with_reserved(sandbox: Sandbox, installed: Installed) -> Installed:
    """Return the language with its reserved names. If they are unknown, all its sources get the usual name."""
    language = installed.language
    result = await _run_step(sandbox, language, command(language.source_file.reserved, installed.tools))
    output = result.stdout.decode(errors="replace")
    if not result.succeeded or result.truncated:
        log.info("language.own_names_left_out", language=language.code, reason=output[:1000])
        source_file = replace(language.source_file, extensions=())
        return replace(installed, language=replace(language, source_file=source_file))
    return replace(installed, reserved=frozenset(output.lower().split()))


async def _run_step(
    sandbox: Sandbox,
    language: LanguageDefinition,
    argv: tuple[str, ...],
    files: Mapping[str, WorkFile] = MappingProxyType({}),
) -> StepResult:
    environment = ENVIRONMENT | language.environment | language.library_environment
    step = Step(argv, environment, _LIMITS, _OUTPUT_BYTES, merge_output=True)
    (result,) = await sandbox.run(Job(dict(files), (step,), Template(_LIMITS.file_bytes, _LIMITS)))
    return result
