"""Makes the parameters of a submission or a run from the options of a command.

Options that several commands have in a row are a group: a dataclass (`precieux.commands.options.on_server`).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from precieux import terminal
from precieux.commands.options import (
    Args,
    Entry,
    Input,
    InputFile,
)
from precieux.commands.unit_tests import UnitTestOptions
from precieux.errors import UsageError
from precieux.host import files
from precieux.programs.read import files_of_no_test, read_program, read_tests
from precieux_client import Checker, Interactor, Limits, ProgramChecker, TestCase
from precieux_client.models import JudgeProgram

_BYTES: Final = re.compile(r"([0-9]{1,18})([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
#: No program runs with less memory.
_MIN_BYTES: Final = 1 << 20


def byte_count(text: str, *, min_bytes: int = _MIN_BYTES) -> int:
    """Return the bytes of a text such as `512M`, where K, M, G and T are powers of 1024. Raise `BadParameter`."""
    size = _BYTES.fullmatch(text.strip())
    if size is None:
        raise typer.BadParameter(f"{text} is no number of bytes: write it as 268435456 or 256M.")
    count = int(size[1]) << 10 * " KMGT".index(size[2].upper() or " ")
    if count < min_bytes:
        raise typer.BadParameter(f"{text} is too little: give at least {min_bytes} bytes.")
    return count


#: Seconds of CPU time that a test of a class or of candidates may use, if neither the options nor a problem say it.
CPU_S_OF_MANY: Final = 2.0


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """What a program may use."""

    cpu_s: Annotated[float | None, typer.Option(min=0, help="Seconds of CPU time that it may use.")] = None
    wall_s: Annotated[float | None, typer.Option(min=0, help="Seconds that it may take.")] = None
    memory_bytes: Annotated[
        int | None,
        typer.Option(metavar="BYTES", parser=byte_count, help="Memory that it may use: 512M."),
    ] = None

    def read(self) -> Limits | None:
        if any(seconds is not None and not math.isfinite(seconds) for seconds in (self.cpu_s, self.wall_s)):
            raise UsageError("--cpu-s and --wall-s must be numbers of seconds.")
        limits = Limits(cpu_s=self.cpu_s, wall_s=self.wall_s, memory_bytes=self.memory_bytes)
        return None if limits == Limits() else limits


@dataclass(frozen=True, slots=True)
class ProgramOptions:
    """How one program is read and run."""

    text: Input = None
    input_file: InputFile = None
    language: Annotated[str | None, typer.Option(help="Its language. Default: by the extension.")] = None
    entry: Entry = None
    args: Args = None
    compiler_args: Annotated[
        list[str] | None, typer.Option("--compiler-arg", help="An option of the compiler; may be repeated.")
    ] = None

    def read(self, paths: Sequence[Path]) -> dict[str, Any]:
        """Return the program in these files with its input and arguments, as the client takes them."""
        if files.STDIN in paths and self.input_file == files.STDIN:
            raise UsageError("Standard input can be the program or its input, not both.")
        program = read_program(paths, entry=self.entry, language=self.language)
        return {
            "language": program.language,
            "source": program.source,
            "files": None if program.source is not None else program.files,
            "entry": program.entry,
            "stdin": read_input(self.text, self.input_file),
            "args": self.args or (),
            "compiler_args": self.compiler_args or (),
        }


@dataclass(frozen=True, slots=True)
class JudgeOptions(UnitTestOptions):
    """What a program is judged by."""

    test: Annotated[list[str] | None, typer.Option(metavar="IN:OUT", help="A test: two files; may be repeated.")] = None
    tests: Annotated[
        Path | None,
        typer.Option(
            help="Folder of tests: 1.in, 1.out, 2.in, ... A test without an output is passed by a program that ends"
            " well.",
        ),
    ] = None
    checker: Annotated[
        str,
        typer.Option(
            metavar="KIND|FILE",
            help="How outputs are compared: exact, lines, tokens, float or icpc; or a file or folder with a program"
            " that judges them.",
        ),
    ] = "lines"
    checker_args: Annotated[
        list[str] | None,
        typer.Option("--checker-arg", help="An argument of the checker or interactor; may be repeated."),
    ] = None
    interactor: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A program that talks with this one, and judges it."),
    ] = None
    protocol: Annotated[
        str, typer.Option("--checker-protocol", help="How a program that judges is called: kattis or testlib.")
    ] = "kattis"
    problem: Annotated[
        str | None,
        typer.Option(metavar="NAME[@VERSION]", help="Judge it by the tests of this problem."),
    ] = None

    def cases(self) -> list[TestCase]:
        """Return the tests. Name what may be misspelt: tests without an output, and other files."""
        tests = read_tests(self.test or [], self.tests)
        names = ", ".join(str(test.name) for test in tests if test.expected_output is None)
        if names:
            terminal.hint(f"These tests have no output, so programs pass them if they end well: {names}.")
        if self.tests and (unused := files_of_no_test(self.tests)):
            terminal.hint(f"These files belong to no test: {terminal.some(unused)}.")
        return tests

    def judges(self) -> dict[str, Any]:
        """Return what judges a program, by its key, without the default. `checker` is a kind, or the path of a program.

        The arguments are those of the program that judges, or of `icpc`.
        """
        kinds: tuple[Any, ...] = get_args(Checker.__annotations__["kind"])
        protocols: tuple[Any, ...] = get_args(JudgeProgram.__annotations__["protocol"])
        if self.protocol not in protocols:
            raise UsageError(f"--checker-protocol {self.protocol}: it must be one of {', '.join(protocols)}.")
        is_program, args = self.checker not in kinds, tuple(self.checker_args or ())
        if is_program and not Path(self.checker).exists():
            names = ", ".join(kinds)
            raise UsageError(f"--checker {self.checker}: there is no such file, and it is not one of {names}.")
        if args and not (is_program or self.interactor or self.checker == "icpc"):
            raise UsageError("--checker-arg goes with a program that judges, or with --checker icpc.")
        made: Checker | ProgramChecker | None = None
        if is_program:
            made = ProgramChecker(**_program(Path(self.checker)), protocol=self.protocol, args=args)  # type: ignore[arg-type]
        elif self.checker != "lines":
            made = Checker(kind=self.checker, args=args if self.checker == "icpc" else ())  # type: ignore[arg-type]
        talks: Interactor | None = None
        if self.interactor is not None:
            words = () if is_program else args
            talks = Interactor(**_program(self.interactor), protocol=self.protocol, args=words)  # type: ignore[arg-type]
        judges = {"checker": made, "interactor": talks, "unit_tests": self.suite()}
        return {name: judge for name, judge in judges.items() if judge is not None}


def read_input(text: str | None, file: Path | None) -> str | None:
    """Return the standard input that --input or --input-file gives."""
    if text is not None and file is not None:
        raise UsageError("Give either --input or --input-file, not both.")
    return files.read_text(file) if file is not None else text


def _program(path: Path) -> dict[str, Any]:
    program = read_program([path])
    return {"language": program.language, "files": program.files, "entry": program.entry}


def metadata_of(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return the metadata of options such as `--metadata NAME=TEXT`."""
    if wrong := next((pair for pair in pairs or () if "=" not in pair), None):
        raise UsageError(f"--metadata {wrong}: write it as NAME=TEXT.")
    return dict(pair.split("=", 1) for pair in pairs or ())
