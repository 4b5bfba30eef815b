"""Finds out what a compiler's driver (`gcc`, `g++`, `gfortran`) starts, so that programs compile without it (ADR 24).

The driver reads its specifications, looks for programs and libraries, and starts the compiler proper, the assembler and
`collect2`, which looks for the linker and starts that. The linker searches eight folders, most of them several times
under different names, and finds all libraries in two of them. For a small program all this takes a sixth of the latency
and of the CPU time. With the option `-###` the driver prints its commands instead of starting them. They are the same
for all sources with the same name.
"""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from executor.sandbox.base import Shortcut

#: The driver prints what it would start. Its command must contain `-pipe`.
DRY_RUN: Final = "-###"
_COMPILERS: Final = ("cc1", "cc1plus", "f951")
_ASSEMBLER: Final = "/usr/bin/as"
#: The option by which `collect2` starts another linker. It is not passed on to that.
_GOLD: Final = "-fuse-ld=gold"
_SCRATCH: Final = re.compile(r"/tmp/cc\w{6}(\.\w+)")  # noqa: S108
#: A library may be a script that names others: ld(1), "Linker Scripts".
_GROUP: Final = re.compile(rb"^\s*GROUP\s*\(([^)]*)\)", re.MULTILINE)
_MAX_SCRIPT: Final = 4096
#: Characters of the longest answer that is parsed. A real answer has some 2,000.
_MAX_ANSWER: Final = 16384


class _UnknownCommand(Exception):
    """Unrecognized output: fall back to the driver."""


def parse(output: str) -> Shortcut | None:
    """Return the driver's commands, or None if they are not the expected ones."""
    if len(output) > _MAX_ANSWER:
        return None
    try:
        compiler, assembler, linker = (shlex.split(line) for line in output.splitlines() if line.startswith(" "))
        *compiler, pipe = compiler
        if not (_is(compiler, *_COMPILERS) and pipe == "|" and _is(assembler, "as") and _is(linker, "collect2")):
            return None
        commands = (compiler, [_ASSEMBLER, *assembler[1:]], _link(linker[1:]))
    except (OSError, ValueError, _UnknownCommand):
        return None
    names = {match[0]: f"/tmp/made{match[1]}" for match in _SCRATCH.finditer(output)}  # noqa: S108
    if len(set(names.values())) < len(names):
        return None
    compile_, assemble, link = (
        tuple(_SCRATCH.sub(lambda match: names[match[0]], word) for word in command) for command in commands
    )
    return Shortcut((compile_, assemble, link), tuple(names.values()))


def _is(command: Sequence[str], *names: str) -> bool:
    return command[0].rpartition("/")[2] in names


def _link(words: Sequence[str]) -> list[str]:
    """Return the linker's command, with the file of each library, and without the plugin for link-time optimisation.

    No compiler is started with that optimisation, so the plugin has nothing to do.
    """
    folders = list(dict.fromkeys(os.path.realpath(word[2:]) for word in words if word.startswith("-L")))
    command = ["/usr/bin/ld.gold" if _GOLD in words else "/usr/bin/ld"]
    rest = iter(words)
    for word in rest:
        if word == "-plugin":
            next(rest, None)  # its file
        elif word != _GOLD and not word.startswith(("-plugin-opt=", "-L")):
            command += _files(word, folders, words) if word.startswith("-l") else [word]
    return command


def _files(library: str, folders: Sequence[str], words: Sequence[str]) -> Iterator[str]:
    """Yield the files of a library, given as `-lNAME` or by a file's name. Linker scripts are followed."""
    names = (f"lib{library[2:]}.so", f"lib{library[2:]}.a") if library.startswith("-l") else (library,)
    file = next((path for folder in folders for name in names if (path := Path(folder, name)).exists()), None)
    if file is None:
        raise _UnknownCommand(library)
    script = _GROUP.search(file.read_bytes()) if file.stat().st_size <= _MAX_SCRIPT else None
    parts = script[1].decode().split() if script else []
    if all(part.startswith("/") or part in ("AS_NEEDED", "(", ")") for part in parts):
        yield str(file)
        return
    for part in parts:
        if not part.startswith("-l"):
            yield from _files(part, folders, words)
        elif part not in words:  # the linker reads a library of `words` anyway
            raise _UnknownCommand(part)
