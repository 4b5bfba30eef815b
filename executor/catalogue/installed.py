"""A language that this machine can run: the value that the executor plans programs with."""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from executor.languages.base import (
    ARGS,
    COMPANIONS,
    INTERPRETER_ARGS,
    OUTPUT,
    CompilerVariant,
    Headers,
    InstalledLibrary,
    LanguageDefinition,
    command,
)
from executor.languages.toolchain import Toolchain
from executor.sandbox.base import HEADERS, PRELOAD, RUNTIMES, Shortcut, preload_files
from shared.engine_api.codex import version_in

#: The lists of a program of one source, without options.
_NO_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType({COMPANIONS: (), ARGS: (), INTERPRETER_ARGS: ()})

#: The environment of every program. Its language may add to it.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/box/work", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}  # noqa: S108


@dataclass(frozen=True)
class Commands:
    """The commands that compile a program (None if its language has no compiler) and run it."""

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
    yet. `toolchain` is the one that the operator has installed for it; None if its tools are the system's. `others` are
    further toolchains of the language, under the names of their versions.
    """

    language: LanguageDefinition
    tools: dict[str, str]
    info: str
    shortcut: Shortcut | None = None
    reserved: frozenset[str] = frozenset()
    variant: CompilerVariant | None = None
    libraries: tuple[InstalledLibrary, ...] = ()
    fault: str | None = None
    toolchain: Toolchain | None = None
    others: tuple["Installed", ...] = ()

    @property
    def code(self) -> str:
        return self.variant.code if self.variant else self.language.code

    @property
    def name(self) -> str:
        return self.variant.name if self.variant else self.language.title

    @property
    def version(self) -> str | None:
        return version_in(self.info)

    @cached_property
    def variants(self) -> dict[str, "Installed"]:
        """The language's variants that the compiler knows, and its toolchains by version, by their codes."""
        major = int((self.version or "0").partition(".")[0])
        defined = self.language.compile.variants if self.language.compile else ()
        variants = {variant.code: replace(self, variant=variant) for variant in defined if variant.since <= major}
        if self.toolchain or self.others:
            for other in filter(None, (self.as_version, *self.others)):
                variants.setdefault(other.code, other)
        return variants

    @property
    def as_version(self) -> "Installed | None":
        """The language under the name of its version, such as `go1.27`; None if it has no such name."""
        names = self.language.versioned
        if names is None or self.version is None:
            return None
        parts = self.version.split(".")
        variant = replace(names, code=names.code.format(*parts), name=names.name.format(*parts))
        return replace(self, variant=variant, others=())

    @property
    def speedups(self) -> str:
        """The name under which its speed-ups are set up. Each toolchain has its own."""
        return self.code if self.variant and not self.variant.args else self.language.code

    @property
    def any_fault(self) -> str | None:
        """Its fault, or else that of another toolchain of the language, with its code."""
        return self.fault or next((f"{other.code}: {other.fault}" for other in self.others if other.fault), None)

    @property
    def source(self) -> str:
        """Return the package that its tools come from, or `system`."""
        return self.toolchain.source if self.toolchain else "system"

    @property
    def released(self) -> int | None:
        """The year in which this version was released; None if that is not known."""
        return self.toolchain.released if self.toolchain else self.language.year_of(self.version)

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of a program. Debian's packages count as libraries too, if they are slow to import."""
        language, warm = self.language, self.language.run.warm
        slow = {name.partition(".")[0] for name in warm.imports} if warm else set()
        for_libraries = language.libraries.environment if self.libraries or slow & self.reserved else {}
        return ENVIRONMENT | language.environment | for_libraries

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
    def headers_option(self) -> str:
        """The option that names the folder of precompiled headers, or "" if there are none."""
        return f"-I{HEADERS}/{self.headers_key}" if self.headers else ""

    @property
    def headers(self) -> Headers | None:
        return self.language.compile.headers if self.language.compile else None

    def command(
        self, words: tuple[str, ...], lists: Mapping[str, tuple[str, ...]] = _NO_LISTS, /, **values: str
    ) -> tuple[str, ...]:
        """Return `words` with all names replaced: the command to start."""
        usual = {"headers": self.headers_option, "preload": PRELOAD, "include": "", "any_name": "", "output": OUTPUT}
        if self.language.prebuilt:
            usual["runtime"] = self.runtime_folder
        folders = self.language.libraries.words
        usual |= {name: with_ if self.libraries else without for name, (with_, without) in folders.items()}
        return command(words, {**self.tools, **usual, **values}, lists)
