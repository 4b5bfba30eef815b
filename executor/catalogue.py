"""The languages that this machine can run, and their versions, read once at start inside the sandbox."""

import asyncio
import hashlib
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from executor import gcc_driver, languages
from executor.languages import file_names
from executor.languages.base import Language, Names, command
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
from shared.codex import RunRequest, SupportedLanguage
from shared.languages import ALIASES
from shared.logging import get_logger

log = get_logger(__name__)

_LIMITS = StepLimits(
    cpu_s=10, wall_s=60, memory_bytes=1 << 30, processes=256, open_files=256, file_bytes=1 << 20, stack_bytes=8 << 20
)
_OUTPUT_BYTES = 65536

#: All that a program finds in its environment, beside what its language adds.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box/work", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}  # noqa: S108


@dataclass(frozen=True)
class Commands:
    """What compiles a program, where its language has a compiler, and what runs it."""

    compile: tuple[str, ...] | None
    run: tuple[str, ...]

    def for_a_shell(self) -> dict[str, str | None]:
        """As text; the keys are those of `shared.codex`."""
        return {"compile": shlex.join(self.compile) if self.compile else None, "run": shlex.join(self.run)}


@dataclass(frozen=True)
class Installed:
    """A language with its tools' places, `info`, the version text that its compiler or interpreter prints, where there
    is one, the `shortcut` around its compiler's driver, and names that its sources must not have (`reserved`)."""

    language: Language
    tools: dict[str, str]
    info: str
    shortcut: Shortcut | None = None
    reserved: frozenset[str] = frozenset()

    @cached_property
    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | self.language.environment

    def names_for(self, request: RunRequest) -> Names:
        """The names of the request's files, the source's by the sender's own where that is usable."""
        names = self.language.names_for(request.code)
        own = file_names.usable(request.filename, self.language, self.reserved)
        return replace(names, source=own) if own else names

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells this toolchain from one that takes its place: its version, and the files of its programs."""
        return (self.info, *(_fingerprint(path) for path in self.tools.values() if os.path.isabs(path)))

    def shortcut_for(self, source: str) -> Shortcut | None:
        """The shortcut for a source of this name. The driver was asked with the usual one, which is its own word."""
        if self.shortcut is None:
            return None
        usual = self.language.names_for("").source
        compile_, assemble, link = self.shortcut.commands
        renamed = tuple(source if word == usual else word for word in compile_)
        return replace(self.shortcut, commands=(renamed, assemble, link))

    @cached_property
    def headers_key(self) -> str:
        """Names what is made by this compiler with these flags, in this container and in the next."""
        plugin = self.language.plugin
        sources = [(preload_files() / name).read_text() for name in plugin.sources] if plugin else []
        made_of = repr((self.info, self.language.precompile, plugin, sources))
        return hashlib.sha256(made_of.encode()).hexdigest()[:16]

    def command(self, words: tuple[str, ...], **values: str) -> tuple[str, ...]:
        """What to start: `words` with all names replaced."""
        headers = f"-I{HEADERS}/{self.headers_key}" if self.language.headers else ""
        return command(words, {**self.tools, "headers": headers, "preload": PRELOAD, **values})

    def commands(self, names: Names, memory_bytes: int) -> Commands:
        """The commands for a program whose files have these names, and whose data may take so much."""
        words = {"source": names.source, "main": names.main, "memory_mib": str(memory_bytes >> 20)}
        compile_ = self.language.compile
        return Commands(self.command(compile_, **words) if compile_ else None, self.command(self.language.run, **words))

    def without_headers(self) -> "Installed":
        """The same, but that it compiles with no header that was compiled ahead."""
        return replace(self, language=replace(self.language, headers=()), shortcut=None)

    def describe(self, memory_bytes: int) -> SupportedLanguage:
        """For `GET /list`, with the commands for a program of the usual name."""
        version = re.search(r"\d+(\.\d+)+", self.info)
        return SupportedLanguage(
            language=self.language.code,
            info=self.info,
            name=self.language.name,
            version=version[0] if version else None,
            aliases=list(ALIASES.get(self.language.code, (self.language.code,))),
            **self.commands(self.language.names_for(""), memory_bytes).for_a_shell(),
        )


def _fingerprint(path: str) -> str:
    try:
        file = os.stat(path)
    except OSError:
        return path
    return f"{path} {file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns}"


async def find_installed(sandbox: Sandbox, at_once: int) -> dict[str, Installed]:
    """By CodeX code, in the order of `shared.languages`; a toolchain that does not answer is left out, and logged."""
    free = asyncio.Semaphore(at_once)

    async def ask(language: Language, tools: dict[str, str]) -> Installed | None:
        async with free:
            return await _ask(sandbox, language, tools)

    candidates = [(language, language.toolchain()) for language in languages.known().values()]
    answers = await asyncio.gather(*(ask(language, tools) for language, tools in candidates if tools is not None))
    found = {installed.language.code: installed for installed in answers if installed}
    order = {code: position for position, code in enumerate(ALIASES)}
    return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))


async def _ask(sandbox: Sandbox, language: Language, tools: dict[str, str]) -> Installed | None:
    try:
        ended = await _start(sandbox, language, command(language.version, tools))
        if not ended.succeeded:
            raise SandboxFailure(ended.stdout.decode(errors="replace"))
        installed = Installed(language, tools, ended.stdout.decode(errors="replace"))
        if language.reserved:
            installed = await _with_reserved(sandbox, installed)
        if language.compile and language.has_driver:
            source = language.names_for(language.reference.source).source
            words = gcc_driver.question(installed.command(language.compile, source=source))
            ended = await _start(sandbox, language, words, {source: File(language.reference.source.encode())})
            if ended.succeeded and not ended.truncated:
                installed = replace(installed, shortcut=gcc_driver.shortcut(ended.stdout.decode(errors="replace")))
    except SandboxFailure as exc:
        log.warning("language.left_out", language=language.code, reason=str(exc))
        return None
    return installed


async def _with_reserved(sandbox: Sandbox, installed: Installed) -> Installed:
    """With the names that its sources must not have; if they cannot be had, all sources get the usual name."""
    language = installed.language
    ended = await _start(sandbox, language, command(language.reserved, installed.tools))
    told = ended.stdout.decode(errors="replace")
    if not ended.succeeded or ended.truncated:
        log.info("language.own_names_left_out", language=language.code, reason=told[:1000])
        return replace(installed, language=replace(language, extensions=()))
    return replace(installed, reserved=frozenset(told.lower().split()))


async def _start(
    sandbox: Sandbox, language: Language, argv: tuple[str, ...], files: Mapping[str, File] = MappingProxyType({})
) -> StepResult:
    step = Step(argv, ENVIRONMENT | language.environment, _LIMITS, _OUTPUT_BYTES, merge_output=True)
    (ended,) = await sandbox.run(Job(dict(files), (step,), Template(_LIMITS.file_bytes, _LIMITS)))
    return ended
