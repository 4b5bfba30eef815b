"""What a language is to the executor: a few declarative lines, and a program that proves them.

Adding one is adding a file with a `LANGUAGE` in it, and its names to `shared/languages.py`.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Names:
    """What the files of one program are called: the source, and what a command may call `{main}`."""

    source: str
    main: str = ""


@dataclass(frozen=True)
class Reference:
    """A program that reads `input` and writes `output`."""

    source: str
    input: str = "world\n"
    output: str = "Hello, world!\n"


@dataclass(frozen=True)
class Option:
    """A word of a command that is left out where none of `needs`, by absolute path, is on the machine."""

    word: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Stub:
    """How the runtime is started before its program is known: by `run`. In place of the command line's end, it is then
    told `words`."""

    run: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Making:
    """A file that a toolchain makes once, for all starts to come: `makes`, of `sources` in `executor/warm/preload`."""

    makes: str
    command: tuple[str, ...]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Language:
    """`tools` are the programs needed, by absolute path (the first that exists of each tuple), by the name that the
    commands use. In commands, `{source}`, `{main}`, `{memory_mib}` and the names of tools and options are replaced.

    `headers` are what programs include first, to be compiled ahead by `precompile`; `{headers}` is the option that
    names the folder of what that made: `made.gch`, and in `made.d` of which files (`executor.warm.headers`).
    `{plugin}` is the option that loads `plugin` into the compiler, where that proves itself.

    `extensions` are those that a sender's own file name may have; without any, sources have the usual name. A name
    that `special` finds, or that is a line of what the command `reserved` prints, means something else to the tools
    (`executor.languages.file_names`). `strict_line_ends` says that the tools take the carriage returns of Windows for
    text.

    `has_driver` says that `compile` is a driver of GCC's, whose commands `executor.gcc_driver` learns; `reads_ahead`,
    that programs are compiled by copies of a compiler that has started, and has read the file in
    `executor/warm/preload` with the source's name, for those that begin like that (`executor.warm.forked_compiler`).

    `zygote` and `stub` are other ways to `run`: to start what programs are forked from, which does what `run` says, or
    a process for one program that waits for it. `compiler` is another way to `compile`: a process that compiles one
    source after the other (`executor.warm.shared_compiler`). Both may need `makings`, whose folder is `{runtime}`;
    without those, or before they are made, programs run as they ever did. `{preload}` is the folder of
    `executor/warm/preload`.

    `extra_memory` is what the runtime takes beside the program's data, in bytes; `out_of_memory` what it writes to
    standard error when it gives up.
    """

    code: str
    name: str
    names: Names | Callable[[str], Names]
    tools: dict[str, tuple[str, ...]]
    run: tuple[str, ...]
    version: tuple[str, ...]
    reference: Reference
    compile: tuple[str, ...] | None = None
    extensions: tuple[str, ...] = ()
    special: re.Pattern[str] | None = None
    reserved: tuple[str, ...] = ()
    strict_line_ends: bool = False
    headers: tuple[str, ...] = ()
    precompile: tuple[str, ...] = ()
    plugin: Making | None = None
    options: dict[str, Option] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    extra_memory: int = 0
    out_of_memory: bytes | None = None
    has_driver: bool = False
    reads_ahead: bool = False
    makings: tuple[Making, ...] = ()
    zygote: tuple[str, ...] = ()
    stub: Stub | None = None
    compiler: tuple[str, ...] = ()

    def names_for(self, source: str) -> Names:
        return self.names(source) if callable(self.names) else self.names

    def toolchain(self) -> dict[str, str] | None:
        """The tools' places on this machine, and its options' words; None when a tool is missing."""
        found = {name: option.word if _first(option.needs) else "" for name, option in self.options.items()}
        for tool, candidates in self.tools.items():
            path = _first(candidates)
            if path is None:
                return None
            found[tool] = path
        return found


def command(words: tuple[str, ...], values: dict[str, str]) -> tuple[str, ...]:
    """The command with its names replaced; a word of which nothing is left is not in it."""
    return tuple(word for word in (part.format(**values) for part in words) if word)


def _first(paths: tuple[str, ...]) -> str | None:
    return next((path for path in paths if os.access(path, os.X_OK)), None)
