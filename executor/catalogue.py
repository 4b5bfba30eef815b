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
from executor.languages.base import ARGS, COMPANIONS, OUTPUT, Headers, Language, command
from executor.languages.program import Program, as_word, of_files, of_source
from executor.sandbox.base import (
    HEADERS,
    PRELOAD,
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
from shared.codex import RunRequest, SupportedLanguage, version_in
from shared.engine import ProgramRequest
from shared.languages import ALIASES
from shared.logging import get_logger

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=10, wall_s=60, memory_bytes=1 << 30, processes=256, open_files=256, file_bytes=1 << 20, stack_bytes=8 << 20
)
_OUTPUT_BYTES = 65536
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
    """A language and its tools' paths. `info` is the version text that the compiler or interpreter prints.

    `shortcut` are the commands of the compiler's driver, if they are known. `reserved` are names that sources must not
    have.
    """

    language: Language
    tools: dict[str, str]
    info: str
    shortcut: Shortcut | None = None
    reserved: frozenset[str] = frozenset()

    @cached_property
    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | self.language.environment

    def program(self, request: RunRequest | ProgramRequest) -> Program:
        """Return the request's program."""
        if isinstance(request, ProgramRequest):
            return of_files(request, self.language, self.reserved)
        return of_source(request.code, request.filename, self.language, self.reserved)

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

    @property
    def headers(self) -> Headers | None:
        return self.language.compile.headers if self.language.compile else None

    def command(
        self, words: tuple[str, ...], lists: Mapping[str, tuple[str, ...]] = _NO_LISTS, /, **values: str
    ) -> tuple[str, ...]:
        """Return `words` with all names replaced: the command to start."""
        headers = f"-I{HEADERS}/{self.headers_key}" if self.headers else ""
        usual = {"headers": headers, "preload": PRELOAD, "include": "", "output": OUTPUT}
        return command(words, {**self.tools, **usual, **values}, lists)

    def commands(self, program: Program, memory_bytes: int) -> Commands:
        """Return the commands for the program, whose data may take `memory_bytes`."""
        names = program.names
        values = {
            "source": as_word(names.source),
            "main": names.main,
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
            version=version_in(self.info),
            aliases=list(ALIASES.get(language.code, (language.code,))),
            compile=compile_,
            run=run,
            extensions=[f".{extension}" for extension in language.extensions],
            compiled=language.compile is not None,
            compiler_args=list(language.compile.allowed) if language.compile else [],
            sample=language.sample,
            variants=[],
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


async def find_installed(sandbox: Sandbox, at_once: int) -> dict[str, Installed]:
    """Return the installed languages by CodeX code, in the order of `shared.languages`.

    A language whose toolchain does not work is logged and left out.
    """
    free = asyncio.Semaphore(at_once)

    async def examine(language: Language, tools: dict[str, str]) -> Installed | None:
        async with free:
            return await _examine(sandbox, language, tools)

    candidates = [(language, language.toolchain()) for language in languages.known().values()]
    examined = await asyncio.gather(*(examine(language, tools) for language, tools in candidates if tools is not None))
    found = {installed.language.code: installed for installed in examined if installed}
    order = {code: position for position, code in enumerate(ALIASES)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


async def _examine(sandbox: Sandbox, language: Language, tools: dict[str, str]) -> Installed | None:
    try:
        result = await _run_step(sandbox, language, command(language.version, tools))
        if not result.succeeded:
            raise SandboxFailure(result.stdout.decode(errors="replace"))
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
        log.warning("language.left_out", language=language.code, reason=str(exc))
        return None
    return installed


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
    step = Step(argv, ENVIRONMENT | language.environment, _LIMITS, _OUTPUT_BYTES, merge_output=True)
    (result,) = await sandbox.run(Job(dict(files), (step,), Template(_LIMITS.file_bytes, _LIMITS)))
    return result
