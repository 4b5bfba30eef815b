"""The values that describe a language to the executor, and a program that proves the description.

The fields of `LanguageDefinition` and of its parts are the keys of a language's file
(`shared/engine_api/languages/definitions`).

In all commands, `{source}`, `{stem}` (the source's path without its extension), `{main}`, `{output}`, `{memory_mib}`
and the names of tools and options are replaced. In compile commands, `{companions}` and `{args}` are replaced by any
number of words, and in run commands `{interpreter_args}` (`executor.languages.program`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from executor.languages.java_source import find_main
from shared.common.service.errors import ConfigurationError
from shared.engine_api.languages import LAST, PackageNames

#: The words of a command that stand for several: two of a compile command, and one of a run command.
COMPANIONS: Final = "{companions}"
ARGS: Final = "{args}"
INTERPRETER_ARGS: Final = "{interpreter_args}"
#: The usual name of the program that a compiler makes.
OUTPUT: Final = "main"


@dataclass(frozen=True)
class Names:
    """The names of a program's files: the source, the compiled program, and `{main}` in commands."""

    source: str
    main: str = ""
    output: str = OUTPUT


@dataclass(frozen=True)
class SourceFile:
    """The file that a source is stored in. `name` is the usual name. With `named_after_class`, a source in Java has the
    name that javac wants.

    A sender's own file name is used if it has one of the `extensions` (`executor.languages.file_names`). The exceptions
    are stems that `special` finds or that the command `reserved` prints, because they mean something else to the tools.
    `unix_line_ends` is True if the tools do not accept the line ends of Windows.
    """

    name: str
    extensions: tuple[str, ...] = ()
    special: re.Pattern[str] | None = None
    reserved: tuple[str, ...] = ()
    unix_line_ends: bool = False
    named_after_class: bool = False


@dataclass(frozen=True)
class Reference:
    """A program that reads `input` and writes `output`."""

    source: str
    input: str = "world\n"
    output: str = "Hello, world!\n"


@dataclass(frozen=True)
class Option:
    """A word of a command. It is left out if none of the files `needs`, by absolute path, exists."""

    word: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Prebuilt:
    """A file that `command` makes once for each toolchain, from `sources` in `executor/warm/preload`. If it is in a
    folder, all files in that folder belong to it."""

    file: str
    command: tuple[str, ...]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Headers:
    """Headers that are compiled ahead, for programs that include one of them first (`executor.warm.headers`).

    `command` compiles one to `made.gch`, and lists its sources in `made.d`. In it, `{plugin}` is replaced by the option
    that loads `plugin` into the compiler. In the language's compile command, `{headers}` is replaced by the option that
    names the folder of the results.
    """

    names: tuple[str, ...]
    command: tuple[str, ...]
    plugin: Prebuilt | None = None


@dataclass(frozen=True)
class CompilerVariant:
    """A code for a language with options of its compiler, such as a standard, or for one version of the language.

    Compilers whose major version is below `since` do not know the options.
    """

    code: str
    name: str
    args: tuple[str, ...] = ()
    since: int = 0


@dataclass(frozen=True)
class Compile:
    """How programs are compiled: by `command`.

    `companions`: the other sources of the program that the compiler gets, from all folders or from the source's own
    folder. With "", it gets none, and finds them itself. `allowed`: options that a program may set; a `*` at the
    end stands for any ending. `variants`: options that have a code of their own. `any_name`: what stands for
    `{any_name}` in `command` if the source's name has another extension.

    The other fields are ways to do it faster.
    `driver`: `command` starts a driver of GCC, whose commands can be run without it (`executor.catalogue.gcc_driver`).
    `shared`: the command of a process that compiles one source after the other (`executor.warm.shared_compiler`).
    """

    command: tuple[str, ...]
    options: dict[str, Option] = field(default_factory=dict)
    companions: Literal["", "all", "folder"] = ""
    allowed: tuple[str, ...] = ()
    variants: tuple[CompilerVariant, ...] = ()
    any_name: str = ""
    driver: bool = False
    headers: Headers | None = None
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class InstalledLibrary:
    """A package that programs may import, by the names of its `modules`. `fault` says why that fails, if it does."""

    name: str
    version: str
    modules: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True)
class ForkedRuntime:
    """`command` starts a runtime that forks for each program. The fork does what `RunCommand.command` would do.

    `imports` are modules that a second runtime imports before it forks, as further words of `command`, if they are
    installed (`executor.warm.imports`). A program gets it too if its address space is limited to `address_space_mib` or
    more; 0: such programs do not.
    """

    command: tuple[str, ...]
    imports: tuple[str, ...] = ()
    address_space_mib: int = 0


@dataclass(frozen=True)
class RunCommand:
    """How programs are run: by `command`, or faster by a runtime that is `warm` (`executor.warm.runtimes`).

    `extra_memory_mib` is what the runtime takes beside the program's data. `out_of_memory` is what it writes to
    standard error when its memory is exhausted. `stack_mib` is the most that its first thread's stack may take; 0: as
    much as the executor allows.
    """

    command: tuple[str, ...] = ("/box/work/{output}",)
    warm: ForkedRuntime | None = None
    extra_memory_mib: int = 0
    stack_mib: int = 0
    out_of_memory: bytes | None = None


@dataclass(frozen=True)
class Needs:
    """Defaults of programs in a language. They replace lower defaults of the operator.

    The factors multiply the limits of elapsed and CPU time, and of memory, whether a request asks for them or not.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    cpu_s: Annotated[float, Field(ge=0)] = 0
    memory_mib: Annotated[int, Field(ge=0)] = 0
    cpu_factor: Annotated[float, Field(gt=0, le=100)] = 1
    memory_factor: Annotated[float, Field(gt=0, le=100)] = 1

    def over(self, defaults: "Needs") -> "Needs":
        """Return these needs, with the language's `own` defaults in place of those that are not set."""
        return replace(self, cpu_s=self.cpu_s or defaults.cpu_s, memory_mib=self.memory_mib or defaults.memory_mib)


@dataclass(frozen=True)
class LibrarySupport:
    """How programs find the libraries that an operator can set (`executor.catalogue.libraries`).

    `folder` is where boxes have them. `import_modules` is a command that imports the `{modules}` of a library, which
    are separated by commas. `words` are what names in commands stand for if there are libraries, and if there are none.
    `environment` is added to the language's if there are any.
    """

    folder: str = ""
    import_modules: tuple[str, ...] = ()
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LanguageDefinition:
    """`tools` are the programs that it needs, by the name that commands use: the first that exists of each tuple.

    `version` is the command that prints the version; if it is empty, the first tool does with `--version`. `sample` is
    a program that greets, for people.

    `prebuilt` is in the folder `{runtime}`. Until it is built, commands find an empty folder there. `{preload}` is the
    folder of `executor/warm/preload`.

    `versioned` has the names of one version where several are installed; in them, `{0}` is the major version.
    `released` has the years of its versions, by the beginnings of these. All services read `title`, `aliases`,
    `position`, `other_extensions`, `package` and `doors` (`shared.engine_api.languages`). Those of a language in an
    operator's toolchain are not read, except for `title` and `aliases`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    code: str
    source_file: SourceFile
    tools: dict[str, tuple[str, ...]]
    reference: Reference
    sample: str
    title: str
    aliases: tuple[str, ...] = ()
    compile: Compile | None = None
    run: RunCommand = RunCommand()
    version: tuple[str, ...] = ()
    needs: Needs = Needs()
    environment: dict[str, str] = field(default_factory=dict)
    libraries: LibrarySupport = field(default_factory=LibrarySupport)
    prebuilt: Prebuilt | None = None
    versioned: CompilerVariant | None = None
    released: dict[str, int] = field(default_factory=dict)
    position: int = LAST
    other_extensions: tuple[str, ...] = ()
    package: PackageNames | None = None
    doors: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def version_command(self) -> tuple[str, ...]:
        return self.version or (f"{{{next(iter(self.tools))}}}", "--version")

    def names_for(self, source: str) -> Names:
        """Return the names of the files of a program with this text."""
        if not self.source_file.named_after_class:
            return Names(self.source_file.name)
        stem, main_class = find_main(source)
        return Names(f"{stem}.java", main_class)

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions of its source files, without a dot, the usual one first."""
        return self.source_file.extensions or (self.names_for("").source.rpartition(".")[2],)

    def year_of(self, version: str | None) -> int | None:
        """Return the year in which the version was released; None if it is not known."""
        starts = (start for start in self.released if f"{version}.".startswith(f"{start}."))
        return self.released.get(max(starts, key=len, default=""))

    def toolchain(self, programs: Mapping[str, str] = MappingProxyType({})) -> dict[str, str] | None:
        """Return the paths of the tools and the words of the options, by name. None if a tool is missing.

        Tools among `programs` have these paths, which exist in boxes.
        """
        options = self.compile.options if self.compile else {}
        paths = {name: option.word if _first(option.needs) else "" for name, option in options.items()}
        for tool, candidates in self.tools.items():
            path = programs.get(tool) or _first(candidates)
            if path is None:
                return None
            paths[tool] = path
        return paths


def command(
    words: tuple[str, ...], values: dict[str, str], lists: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> tuple[str, ...]:
    """Return the command with its names replaced. A word in `lists` becomes several. Other words that become empty are
    left out. Raises `ConfigurationError` if a name is unknown."""
    try:
        expanded = [lists[part] if part in lists else filter(None, [part.format(**values)]) for part in words]
    except (LookupError, ValueError) as exc:
        raise ConfigurationError(f"A language's command has a wrong name in braces, {exc}: {words}.") from None
    return tuple(word for parts in expanded for word in parts)


def _first(paths: tuple[str, ...]) -> str | None:
    return next((path for path in paths if os.access(path, os.X_OK)), None)
