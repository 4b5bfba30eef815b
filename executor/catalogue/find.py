"""The languages that this machine can run, and their versions, read once at start inside the sandbox."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from executor import languages
from executor.catalogue import gcc_driver
from executor.catalogue.chosen import Chosen
from executor.catalogue.installed import ENVIRONMENT, Installed
from executor.languages.base import InstalledLibrary, LanguageDefinition, command
from executor.languages.toolchain import Toolchain
from executor.sandbox.base import (
    BoundedSandbox,
    Job,
    Sandbox,
    SandboxFailure,
    Step,
    StepLimits,
    StepResult,
    Template,
    WorkFile,
)
from shared.common.service.logging import get_logger
from shared.engine_api.languages import position_of

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=10, wall_s=60, memory_bytes=1 << 30, processes=256, open_files=256, file_bytes=64 << 20, stack_bytes=8 << 20
)
_OUTPUT_BYTES = 65536
#: Seconds from the start until the languages that were left out are looked at again, and between two looks.
_AFTER_START_S = 60.0
_AGAIN_S = 300.0
#: Characters of a library's fault that are logged. A traceback says most at its end.
_MAX_FAULT_CHARS = 1000
_NOTHING = Chosen()


async def look_again(
    sandbox: Sandbox,
    installed: dict[str, Installed],
    chosen: Chosen = _NOTHING,
    *,
    after_s: float = _AFTER_START_S,
    again_s: float = _AGAIN_S,
) -> None:
    """Add the languages to `installed` that were left out and work now. On a busy host, their tools were too slow."""
    one_by_one, wait_s = BoundedSandbox(sandbox, 1), after_s
    while left_out := {code: tools for code, tools in candidates(chosen).items() if code not in installed}:
        await asyncio.sleep(wait_s)
        for code, tools in left_out.items():
            examined = await _examine_all(one_by_one, tools, chosen)
            if isinstance(examined, Installed):
                installed[code] = examined
                log.info("language.found", language=code)
        ordered = sorted(installed.items(), key=lambda item: position_of(item[0]))
        installed.clear()
        installed.update(ordered)
        wait_s = again_s


async def examine(
    sandbox: Sandbox, at_once: int, chosen: Chosen = _NOTHING, only: Collection[str] | None = None
) -> tuple[dict[str, Installed], dict[str, str]]:
    """Return the installed languages that work, and why the others do not, both by CodeX code in the order of
    `shared.engine_api.languages`. If `only` is given, others than those codes are not looked at.

    A language whose toolchain does not work is logged, and so is a library that cannot be imported.
    """
    bounded, every = BoundedSandbox(sandbox, at_once), candidates(chosen)
    if only is not None:
        every = {code: tools for code, tools in every.items() if code in only}
    results = await asyncio.gather(*(_examine_all(bounded, tools, chosen) for tools in every.values()))
    examined = sorted(zip(every, results, strict=True), key=lambda item: position_of(item[0]))
    left_out = {code: str(failure) for code, failure in examined if isinstance(failure, SandboxFailure)}
    for code, reason in left_out.items():
        log.warning("language.left_out", language=code, reason=reason)
    return {code: language for code, language in examined if isinstance(language, Installed)}, left_out


def candidates(chosen: Chosen) -> dict[str, list[Installed]]:
    """Return the languages whose tools are on this machine. Of each, the first is used under its own name. None has run
    yet.

    A toolchain comes before the system's tools, unless it is `beside` them.
    """
    defined, toolchains = languages.known(), chosen.toolchains
    codes = dict.fromkeys([*defined, *(code for toolchain in toolchains for code in toolchain.languages)])
    tools: dict[str, list[Installed]] = {}
    for code in codes:
        serving = [toolchain for toolchain in toolchains if code in toolchain.languages]
        first = [toolchain for toolchain in serving if not toolchain.beside]
        beside = [toolchain for toolchain in serving if toolchain.beside]
        possible = (_candidate(code, toolchain, toolchains) for toolchain in (*first, None, *beside))
        if existing := [candidate for candidate in possible if candidate]:
            tools[code] = existing
    return tools


def _candidate(code: str, toolchain: Toolchain | None, toolchains: Iterable[Toolchain]) -> Installed | None:
    """Return the language with the tools of a toolchain, or of the system; None if the system lacks some.

    The other tools of a toolchain's language are those that are used elsewhere too. If it lacks some, its `fault` says
    which.
    """
    language = toolchain.definition(code) if toolchain else languages.known().get(code)
    if language is None:
        return None
    usual = [other for other in toolchains if not other.beside and (toolchain or code not in other.languages)]
    programs = {tool: path for other in (*usual, *filter(None, [toolchain])) for tool, path in other.paths.items()}
    tools = language.toolchain(programs)
    fault = None
    if tools is None and toolchain:
        places = {tool: next(iter(paths), tool) for tool, paths in language.tools.items()}
        tools = language.toolchain(places | programs)
        missing = (f"{tool} ({path})" for tool, path in places.items() if tool not in programs)
        fault = f"it needs {' and '.join(missing)}"
    return Installed(language, tools, info="", toolchain=toolchain, fault=fault) if tools else None


async def _examine_all(sandbox: Sandbox, tools: list[Installed], chosen: Chosen) -> Installed | SandboxFailure:
    """Return a language with the first of its toolchains, and the `others`."""
    first, *others = await asyncio.gather(*(_examine(sandbox, candidate, chosen) for candidate in tools))
    if isinstance(first, SandboxFailure):
        return first
    installed = (other for other in others if isinstance(other, Installed))
    return replace(first, others=tuple(named for other in installed if (named := other.as_version)))


async def _examine(sandbox: Sandbox, candidate: Installed, chosen: Chosen) -> Installed | SandboxFailure:
    """Return the language with its libraries, or a failure with the reason why it does not work.

    A language of a toolchain that does not work has a `fault`, since the operator has chosen it.
    """
    language, toolchain = candidate.language, candidate.toolchain
    if needs := chosen.needs.get(language.code):
        language = replace(language, needs=needs.over(language.needs))
    try:
        if candidate.fault:
            raise SandboxFailure(candidate.fault)
        result = await _run_step(sandbox, language, command(language.version_command, candidate.tools))
        if not result.succeeded:
            raise SandboxFailure(result.why_failed)
        installed = replace(candidate, language=language, info=result.stdout.decode(errors="replace"))
        if language.source_file.reserved:
            installed = await _with_reserved(sandbox, installed)
        if language.compile and language.compile.driver:
            source = language.names_for(language.reference.source).source
            words = (*installed.command(language.compile.command, source=source), gcc_driver.DRY_RUN)
            result = await _run_step(sandbox, language, words, {source: WorkFile(language.reference.source.encode())})
            if result.succeeded and not result.truncated:
                installed = replace(installed, shortcut=gcc_driver.parse(result.stdout.decode(errors="replace")))
    except SandboxFailure as exc:
        if toolchain is None:
            return exc
        log.warning("toolchain.does_not_work", toolchain=toolchain.name, language=language.code, reason=str(exc))
        return replace(candidate, language=language, info=toolchain.version, fault=str(exc)[:_MAX_FAULT_CHARS])
    libraries = chosen.libraries.get(language.code, ())
    packages = await asyncio.gather(*(_examine_library(sandbox, installed, library) for library in libraries))
    return replace(installed, libraries=tuple(packages))


async def _examine_library(sandbox: Sandbox, installed: Installed, library: InstalledLibrary) -> InstalledLibrary:
    language = installed.language
    if not language.libraries.import_modules or not library.modules:
        return library
    words = installed.command(language.libraries.import_modules, modules=", ".join(library.modules))
    try:
        result = await _run_step(sandbox, language, words)
        fault = "" if result.succeeded else result.why_failed
    except SandboxFailure as exc:
        fault = str(exc)
    if fault:
        log.warning("library.left_out", language=language.code, library=library.name, reason=fault[-_MAX_FAULT_CHARS:])
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
    environment = ENVIRONMENT | language.environment | language.libraries.environment
    step = Step(argv, environment, _LIMITS, _OUTPUT_BYTES, merge_output=True)
    return await sandbox.run(Job(dict(files), step, Template(_LIMITS.file_bytes, _LIMITS)))
