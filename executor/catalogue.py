"""The languages that this machine can run, and their versions, read once at start inside the sandbox."""

import asyncio
import hashlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from executor import gcc_driver, languages
from executor.languages.base import ARGS, COMPANIONS, OUTPUT, Headers, Language, Library, Variant, command
from executor.languages.program import Program, as_word, of_files, of_source
from executor.sandbox.base import (
    HEADERS,
    PRELOAD,
    RUNTIMES,
    File,
    Job,
    Sandbox,
    SandboxFailure,
    Shortcut,
    Step,
    StepLimits,
    StepResult,
    Template,
    preload_files,
)
from shared.engine.codex import LanguageLibrary, LanguageVariant, RunRequest, SupportedLanguage, version_in
from shared.engine.languages import ALIASES, position_of
from shared.engine.run_call import ProgramRequest
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
#: The lists of a program of one source, without options.
_NO_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType({COMPANIONS: (), ARGS: ()})

#: The environment of every program. Its language may add to it.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box/work", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}  # noqa: S108


@dataclass(frozen=True)
class Commands:
    """The command that compiles a program, if its language has a compiler, and the one that runs it."""

    compile: tuple[str, ...] | None
    run: tuple[str, ...]

    def for_a_shell(self) -> tuple[str | None, str]:
        """Return both as text."""
        return shlex.join(self.compile) if self.compile else None, shlex.join(self.run)


@dataclass(frozen=True)
class Installed:
    """A language, or a variant of it, and the paths of its tools.

    `info` is the version text that the compiler or interpreter prints. `shortcut` has the commands of the compiler's
    driver, if they are known. `reserved` has the names that sources must not have. `libraries` are those that the
    operator has chosen. `fault` says why the language's own program does not work; None if it works, or is not known
    yet.
    """

    language: Language
    tools: dict[str, str]
    info: str
    shortcut: Shortcut | None = None
    reserved: frozenset[str] = frozenset()
    variant: Variant | None = None
    libraries: tuple[Library, ...] = ()
    fault: str | None = None

    @property
    def code(self) -> str:
        return self.variant.code if self.variant else self.language.code

    @property
    def name(self) -> str:
        return self.variant.name if self.variant else self.language.name

    @property
    def version(self) -> str | None:
        return version_in(self.info)

    @cached_property
    def variants(self) -> dict[str, "Installed"]:
        """The language's variants that the compiler knows, by their codes."""
        major = int((self.version or "0").partition(".")[0])
        variants = self.language.compile.variants if self.language.compile else ()
        return {one.code: replace(self, variant=one) for one in variants if one.since <= major}

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of a program. Debian's packages count as libraries too, if they are slow to import."""
        language, warm = self.language, self.language.run.warm
        slow = {name.partition(".")[0] for name in warm.imports} if warm else set()
        for_libraries = language.library_environment if self.libraries or slow & self.reserved else {}
        return ENVIRONMENT | language.environment | for_libraries

    def program(self, request: RunRequest | ProgramRequest) -> Program:
        """Return the request's program."""
        if isinstance(request, ProgramRequest):
            program = of_files(request, self.language, self.reserved)
        else:
            program = of_source(request.code, request.filename, self.language, self.reserved)
        return self._with_options_of_variant(program)

    def _with_options_of_variant(self, program: Program) -> Program:
        """Return the program with the options of the variant before its own, which win."""
        if self.variant is None:
            return program
        own = program.compiler_args
        return replace(program, compiler_args=(*_without_overridden(self.variant.args, own), *own), is_plain=False)

    @property
    def identity(self) -> tuple[str, ...]:
        """The version of the toolchain, and the device, inode, size and time of its programs' files."""
        return (self.info, *(_fingerprint(path) for path in self.tools.values() if os.path.isabs(path)))

    def shortcut_for(self, source: str) -> Shortcut | None:
        """Return the shortcut for a source of this name. It replaces the usual name in the compiler's command."""
        if self.shortcut is None:
            return None
        usual = self.language.names_for("").source
        compile_, assemble, link = self.shortcut.commands
        renamed = tuple(source if word == usual else word for word in compile_)
        return replace(self.shortcut, commands=(renamed, assemble, link))

    @cached_property
    def headers_key(self) -> str:
        """The name of the folder of precompiled headers. It depends on the compiler and its flags."""
        headers = self.headers
        assert headers
        plugin = headers.plugin
        sources = [(preload_files() / name).read_text() for name in plugin.sources] if plugin else []
        parts = repr((self.info, headers.command, plugin, sources))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    @cached_property
    def runtime_folder(self) -> str:
        """The path in a box of the folder with the language's prebuilt files. It depends on the toolchain."""
        parts = repr((self.info, self.language.prebuilt))
        return f"{RUNTIMES}/{hashlib.sha256(parts.encode()).hexdigest()[:16]}"

    @property
    def headers(self) -> Headers | None:
        return self.language.compile.headers if self.language.compile else None

    def command(
        self, words: tuple[str, ...], lists: Mapping[str, tuple[str, ...]] = _NO_LISTS, /, **values: str
    ) -> tuple[str, ...]:
        """Return `words` with all names replaced: the command to start."""
        headers = f"-I{HEADERS}/{self.headers_key}" if self.headers else ""
        usual = {"headers": headers, "preload": PRELOAD, "include": "", "output": OUTPUT}
        if self.language.prebuilt:
            usual["runtime"] = self.runtime_folder
        folders = self.language.library_words
        usual |= {name: found if self.libraries else without for name, (found, without) in folders.items()}
        return command(words, {**self.tools, **usual, **values}, lists)

    def commands(self, program: Program, memory_bytes: int) -> Commands:
        """Return the commands for the program, whose data may take `memory_bytes`."""
        names = program.names
        values = {
            "source": as_word(names.source),
            "main": names.main,
            "stem": as_word(names.source.rpartition(".")[0]),
            "output": names.output,
            "memory_mib": str(memory_bytes >> 20),
            # Sources in different folders include headers by their paths in the program.
            "include": "-iquote." if len(program.files) > 1 else "",
        }
        lists = {COMPANIONS: tuple(map(as_word, program.companions)), ARGS: program.compiler_args}
        compile_, run = self.language.compile, self.language.run
        if compile_:
            words = _without_overridden(compile_.words, program.compiler_args)
            made_by: tuple[str, ...] | None = self.command(words, lists, **values)
        elif program.build:
            made_by = self.command(run.words, **{**values, "source": as_word(program.build)})
        else:
            made_by = None
        return Commands(made_by, self.command(run.words, **values))

    def without_headers(self) -> "Installed":
        """Return the same language, compiled without precompiled headers."""
        assert self.language.compile
        compile_ = replace(self.language.compile, headers=None)
        return replace(self, language=replace(self.language, compile=compile_), shortcut=None)

    def describe(self, memory_bytes: int) -> SupportedLanguage:
        """Return the entry for `GET /list`, with the commands for a program of the usual name."""
        language = self.language
        compile_, run = self.commands(of_source("", None, language, ()), memory_bytes).for_a_shell()
        return SupportedLanguage(
            language=language.code,
            info=self.info,
            name=language.name,
            version=self.version,
            aliases=list(ALIASES[language.code]),
            compile=compile_,
            run=run,
            extensions=[f".{extension}" for extension in language.extensions],
            compiled=language.compile is not None,
            compiler_args=list(language.compile.allowed) if language.compile else [],
            sample=language.sample,
            fault=self.fault,
            variants=[
                LanguageVariant(code=one.code, name=one.name, version=one.version) for one in self.variants.values()
            ],
            libraries=[LanguageLibrary(name=one.name, version=one.version) for one in self.libraries if not one.fault],
        )


def _without_overridden(words: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command without the options that the program sets itself, such as `--edition=`."""
    set_ = {name for name, equals, _ in (option.partition("=") for option in own) if equals}
    return tuple(word for word in words if "=" not in word or word.partition("=")[0] not in set_)


def _fingerprint(path: str) -> str:
    try:
        file = os.stat(path)
    except OSError:
        return path
    return f"{path} {file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns}"


async def look_again(
    sandbox: Sandbox,
    installed: dict[str, Installed],
    libraries: Mapping[str, tuple[Library, ...]] = MappingProxyType({}),
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
    sandbox: Sandbox, at_once: int, libraries: Mapping[str, tuple[Library, ...]] = MappingProxyType({})
) -> tuple[dict[str, Installed], dict[str, str]]:
    """Return the installed languages that work, and why the others do not, both by CodeX code in the order of
    `shared.engine.languages`.

    A language whose toolchain does not work is logged, and so is a library that cannot be imported.
    """
    free = asyncio.Semaphore(at_once)

    async def examine_library(installed: Installed, library: Library) -> Library:
        async with free:
            return await _examine_library(sandbox, installed, library)

    async def examine_one(language: Language, tools: dict[str, str]) -> Installed | SandboxFailure:
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


def _candidates() -> dict[str, tuple[Language, dict[str, str]]]:
    """Return the languages whose tools are on this machine, with the paths of these."""
    return {code: (one, tools) for code, one in languages.known().items() if (tools := one.toolchain())}


async def _examine(sandbox: Sandbox, language: Language, tools: dict[str, str]) -> Installed | SandboxFailure:
    """Return the language, or a failure with the reason why it does not work."""
    try:
        result = await _run_step(sandbox, language, command(language.version, tools))
        if not result.succeeded:
            raise SandboxFailure(result.why_failed)
        installed = Installed(language, tools, result.stdout.decode(errors="replace"))
        if language.source_file.reserved:
            installed = await _with_reserved(sandbox, installed)
        if language.compile and language.compile.driver:
            source = language.names_for(language.reference.source).source
            words = gcc_driver.dry_run(installed.command(language.compile.words, source=source))
            result = await _run_step(sandbox, language, words, {source: File(language.reference.source.encode())})
            if result.succeeded and not result.truncated:
                installed = replace(installed, shortcut=gcc_driver.parse(result.stdout.decode(errors="replace")))
    except SandboxFailure as exc:
        return exc
    return installed


async def _examine_library(sandbox: Sandbox, installed: Installed, library: Library) -> Library:
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
    sandbox: Sandbox, language: Language, argv: tuple[str, ...], files: Mapping[str, File] = MappingProxyType({})
) -> StepResult:
    environment = ENVIRONMENT | language.environment | language.library_environment
    step = Step(argv, environment, _LIMITS, _OUTPUT_BYTES, merge_output=True)
    (result,) = await sandbox.run(Job(dict(files), (step,), Template(_LIMITS.file_bytes, _LIMITS)))
    return result
