"""`python -m tests.submitting_reference` writes `docs/submitting.md`, the page for those who submit, from the code."""

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from executor import languages, limits
from executor.catalogue.installed import ENVIRONMENT, Installed
from executor.languages import file_names
from executor.languages.base import LanguageDefinition
from executor.pipeline.plan import commands_of, program_of
from executor.settings import MIB, ExecutorSettings
from shared.engine.codex import RunRequest
from shared.engine.languages import ALIASES
from shared.engine.run_call import MAX_ARTIFACTS, MAX_FILES

PAGE: Final = Path(__file__).parent.parent / "docs/submitting.md"

#: Code -> the version in the image `precieux-executor`, Debian 13's.
_VERSIONS: Final = {
    "py": "3.13",
    "java": "OpenJDK 21",
    "cpp": "GCC 14.2",
    "c": "GCC 14.2",
    "go": "1.24",
    "cs": "Mono's mcs 6.12",
    "js": "Node.js 20.19",
    "bash": "5.2",
    "dash": "0.5.12",
    "rb": "3.3",
    "pl": "5.40",
    "php": "8.4",
    "lua": "5.4",
}
#: Code -> the version in the image `precieux-executor-full`, of languages that the other lacks.
_FULL_VERSIONS: Final = {
    "ts": "4.9",
    "coffee": "2.7",
    "zsh": "5.9",
    "awk": "gawk 5.2",
    "luajit": "2.1",
    "pypy": "7.3, which is Python 3.11",
    "tcl": "8.6",
    "sql": "SQLite 3.46",
    "rs": "1.85",
    "d": "LDC 1.40",
    "cr": "1.14",
    "vala": "0.56",
    "clang": "Clang 19.1",
    "clangpp": "Clang 19.1",
    "tcc": "0.9.27",
    "ll": "LLVM 19.1",
    "asm": "NASM 2.16, 64 bits",
    "f90": "GCC 14.2",
    "pas": "Free Pascal 3.2",
    "adb": "GNAT 14.2",
    "a68": "Algol 68 Genie 3.1",
    "cob": "GnuCOBOL 3.2",
    "bas": "2.91",
    "kt": "1.3",
    "scala": "2.11",
    "groovy": "2.4",
    "clj": "1.12",
    "lisp": "SBCL 2.5",
    "scm": "Guile 3.0",
    "rkt": "8.16",
    "el": "Emacs 30.1",
    "ml": "5.3",
    "hs": "GHC 9.6",
    "erl": "27.3",
    "exs": "1.18",
    "prolog": "SWI-Prolog 9.2",
    "gprolog": "1.4.5",
    "r": "4.5",
    "octave": "9.4",
    "raku": "2024.09",
    "bc": "1.07",
    "v": "Icarus Verilog 12.0",
    "bf": "beef 1.2",
}
_IN_THE_IMAGES: Final = {
    **{code: f"{version} | `precieux-executor`, `-full`" for code, version in _VERSIONS.items()},
    **{code: f"{version} | `-full`" for code, version in _FULL_VERSIONS.items()},
}
#: The folders of files that are compiled ahead. Their names depend on the toolchain.
_AHEAD: Final = re.compile(r"(?<=-I/headers/)\w+|(?<=/runtimes/)\w+")

_INTRODUCTION: Final = """\
# Submitting a program

<!-- Written by `python -m tests.submitting_reference`, from the code that it describes. -->

This page is for those who send programs. Numbers are defaults: the operator of a server may have set others
([settings.md](settings.md)), and can ask the executor (`GET /list`) what is installed, in which versions and with which
commands. The mail with a result has the commands that ran that very program.

## Limits

| what | limit |
|---|---|
"""
_LANGUAGES: Final = """
## Languages

| language | `language` is any of | version | in the image |
|---|---|---|---|
"""
_VARIANTS: Final = """
A standard of a language has its own name. `cpp20` is C++ with `-std=c++20`, and `java17` is Java with `--release=17`:

"""
_AFTER_LANGUAGES: Final = """
A server offers only those that its compiler knows. The options that a program sets itself come later, and win.

A server may have fewer languages, or other versions. A submission in a language that it lacks is refused at once, and
the answer lists those that it has.

"""
_COMMANDS: Final = """
## Commands

A source is compiled and run in its own folder, `/box/work`. An option whose tool is not installed is left out:
`-fuse-ld=gold -Wl,-nostdlib` is there only if the linker gold is. If a command names none, the standard and the
optimisation are the compiler's own defaults ([ADR 17](adr/0017-the-compilers-own-defaults.md)).
"""
_OPTIMISATION: Final = """
C and C++ are not optimised. A program that computes for seconds can ask for it in its first line, which is as good as
`-O2` for C and half as good for C++:

```c
#pragma GCC optimize("O2")
```

C++ that includes `<bits/stdc++.h>` or `<iostream>` before anything else compiles many times faster, because these are
compiled ahead (`-I/headers/...`). If a program does not compile, the answer is that of the compiler without them.

<details markdown="1">
<summary>The commands of each language</summary>
"""
_SOURCE: Final = """\
## The source

- **Encoding.** UTF-8. A byte order mark is dropped. Any other encoding is refused, and the answer names it or the first
  line that is not UTF-8.
- **Line ends.** Those of Windows (CRLF) and of Unix both work. They stay as they are in the file, and compilers take
  both; a shell does not, so its scripts are changed to Unix's, here-documents and texts in quotes with them. Standard
  input is never changed.
"""
_FILE_NAMES: Final = """\
- **File name.** Messages name the file as its sender did: `crash.py`, not `main.py`. That is so for names of up to
  {longest} letters, digits, `_` and `-` of ASCII, of which the first is a letter or digit, and with an extension of
  these:
  {extensions}.
  Any other file is called `main`, and so is one whose name means something to its tools. For Python that is the name of
  an installed module, such as `random.py`, which would take the module's place. For Go it is one that ends in `_test`
  or in the name of a system or processor. Files of these languages are always called `main`:
  {fixed}.
"""
_NAMES: Final = """\
- **Several files.** A classic call takes one file. `POST /v1/submissions` takes up to {most_files} ([api.md](api.md)).
  There each file keeps its path, also a single one. So give it an extension that its compiler knows: to gcc, `a.txt` is
  no program in C.
- **Java.** The file is named after its public class, or after the class with `main` if none is public.
"""
_VERDICTS: Final = """
CPU time is that of all the program's threads and children. Time in which a program waits for a processor does not count
as elapsed, so a busy server ends no program that a calm one would not. The verdict on a program that ends at a limit is
`time_limit`, `memory_limit` or `output_limit`. One that the compiler refuses, or that takes the compiler too long, is a
`compile_error`. Any other end but exit code 0 is a `runtime_error`.

If a program uses up its elapsed time while the server is busy, mostly without computing, it is run again, at most
twice, before `time_limit` is its verdict. So is one whose compiler takes too long then. If that happens each time, the
program is reported as not run, by a failure of the server. Meanwhile `delay` in the answer of `GET /check_user/` says
so.

"""
_FILES: Final = """\
## Files that come back

A program that is submitted by `POST /v1/submissions` or from the page can send files back: it writes them to the folder
`out`, which is made in its working folder.

```python
import matplotlib.pyplot as plt

plt.plot([1, 2, 4])
plt.savefig("out/plot.png")
```

The first {artifact_count} files by name come back, with {artifact_bytes} MiB together; the operator may set
another number of bytes. The mail and the recipient's page link to them, and the pages show small images. Sub-folders,
links, special files, and files whose names are not UTF-8 or have control characters do not come back; the result says
how many entries were left out, and why. Files that were submitted in `out/` come back too.

Nothing comes back from a program with tests, from one that was stopped by a limit, from a classic submission, or
through the calls of Judge0 and Piston. With tests, in classic submissions and through those calls, the folder is not
made: a program that runs there too calls `os.makedirs("out", exist_ok=True)`. Where it is made, a program cannot make a
file or folder `out` itself.

## What a program finds

"""
_RULES: Final = """\
## What a program may not do

To try one of these is no error in itself: the call fails, as it does on a machine without that feature.

- **Network.** There is only a loopback interface of the program's own: no other machine can be reached, and no name
  resolves.
- **Files.** `/box/work`, `/tmp`, `/var/tmp` and `/dev/shm` can be written; all are in memory, and are gone at the end,
  but for what comes back from `out`. `/usr` can be read. Nothing else of the machine is there.
- **Other programs.** They are out of sight. A program's children and threads end with it.
- **Devices and privileges.** No device nodes (named pipes and sockets can be made), no mounts, no namespaces, no
  tracing of others, no set-user-ID, no core dumps.

"""


def page() -> str:
    """Return the text of `docs/submitting.md`."""
    return "".join(_page())


def _page() -> Iterator[str]:
    known = languages.known()
    ordered = [known[code] for code in ALIASES]
    settings = ExecutorSettings()
    yield _INTRODUCTION
    for what, limit in _limits(settings):
        yield f"| {what} | {limit} |\n"
    yield "\nThe runtimes of some languages take memory of their own, which comes on top:\n\n"
    for size, of_size in groupby(sorted(ordered, key=_extra_memory), key=_extra_memory):
        if size:
            yield f"- {size} MiB: {', '.join(language.name for language in of_size)}\n"
    yield "\nWhere an operator has set lower defaults, programs in some languages still get what these need:\n\n"
    for language in ordered:
        if needs := _needs(language):
            yield f"- {language.name}: {needs}\n"
    yield _VERDICTS
    yield _RULES
    yield _SOURCE
    yield _file_names(ordered)
    yield _NAMES.format(most_files=MAX_FILES)
    yield _LANGUAGES
    for language in ordered:
        names = ", ".join(f"`{name}`" for name in ALIASES[language.code])
        yield f"| {language.name} | {names} | {_IN_THE_IMAGES[language.code]} |\n"
    yield _VARIANTS
    for language in ordered:
        if language.compile and language.compile.variants:
            codes = ", ".join(f"`{variant.code}`" for variant in language.compile.variants)
            yield f"- {language.name}: {codes}\n"
    yield _AFTER_LANGUAGES
    yield _FILES.format(artifact_count=MAX_ARTIFACTS, artifact_bytes=settings.artifact_bytes // MIB)
    yield "The working folder is `/box/work`, the user is number 1000, and the environment is this:\n\n```\n"
    yield "".join(f"{name}={value}\n" for name, value in ENVIRONMENT.items())
    yield "```\n\n"
    yield "Some languages have further variables:\n\n"
    for language in ordered:
        if language.environment:
            yield f"- {language.name}: `{shlex.join(f'{k}={v}' for k, v in language.environment.items())}`\n"
        if more := language.libraries.environment:
            yield f"- {language.name}, with libraries: `{shlex.join(f'{k}={v}' for k, v in more.items())}`\n"
    yield _COMMANDS
    yield _OPTIMISATION
    for language in ordered:
        yield from _commands(language)
    yield "\n</details>\n"


def _commands(language: LanguageDefinition) -> Iterator[str]:
    """Yield the commands with each tool's first place, and with all options."""
    tools = {name: places[0] for name, places in language.tools.items()}
    options = {name: option.word for name, option in (language.compile.options if language.compile else {}).items()}
    installed = Installed(language, {**tools, **options}, info="")
    program = program_of(RunRequest(code="", language=language.code), installed)
    commands = commands_of(program, installed, limits.default_limits(ExecutorSettings()).memory_bytes)
    yield f"\n{language.name}:\n\n```sh\n"
    for command in filter(None, commands.for_a_shell()):
        yield _AHEAD.sub("...", command) + "\n"
    yield "```\n"


def _extra_memory(language: LanguageDefinition) -> int:
    """Return the MiB that the language's runtime takes beside a program's memory."""
    return language.run.extra_memory_mib


def _needs(language: LanguageDefinition) -> str:
    """Return the language's needs in words; "" if it has none."""
    needs = language.needs
    memory = f"{needs.memory_mib} MiB of memory" if needs.memory_mib else ""
    return " and ".join(filter(None, (memory, f"{needs.cpu_s:g} s of CPU time" if needs.cpu_s else "")))


def _file_names(ordered: list[LanguageDefinition]) -> str:
    extensions = dict.fromkeys(extension for language in ordered for extension in language.source_file.extensions)
    kept = ", ".join(f"`.{extension}`" for extension in extensions)
    fixed = ", ".join(language.name for language in ordered if _has_one_name(language))
    return _FILE_NAMES.format(longest=file_names.LONGEST, extensions=kept, fixed=fixed)


def _has_one_name(language: LanguageDefinition) -> bool:
    return not (language.source_file.extensions or language.source_file.named_after_class)


def _limits(settings: ExecutorSettings) -> Iterator[tuple[str, str]]:
    run = limits.run_step_limits(limits.default_limits(settings), settings, extra_memory=0)
    compilation = limits.compile_step_limits(settings)
    fitted = limits.on_this_host(settings, by_number=True, process_limit=None)
    yield "CPU time", f"{run.cpu_s:g} s"
    yield "elapsed time", f"{run.wall_s:g} s"
    yield "memory, of all processes and of files in memory", f"{run.memory_bytes // MIB} MiB"
    yield "stack of the main thread", f"{run.stack_bytes // MIB} MiB"
    yield "standard output, and standard error", f"{settings.max_output_bytes // MIB} MiB each"
    where = "where programs share a user or have no cgroup"
    yield "processes and threads", f"{settings.max_processes}; {fitted.max_processes} {where}"
    yield "open files of a process", f"{settings.tuning.open_files}; {fitted.tuning.open_files} {where}"
    yield "files that the program writes, together", f"{run.file_bytes // MIB} MiB"
    yield "the compiler", f"{compilation.cpu_s:g} s of CPU time, {compilation.memory_bytes // MIB} MiB"
    yield "the source", f"{settings.max_source_bytes // MIB} MiB"
    yield "standard input", f"{settings.max_input_bytes // MIB} MiB"


if __name__ == "__main__":
    PAGE.write_text(page())
