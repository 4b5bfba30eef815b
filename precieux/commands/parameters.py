"""Makes the parameters of a submission from the options of `precieux submit`, `rerun` and `batch`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from precieux import terminal
from precieux.errors import UsageError
from precieux.host import files
from precieux.programs.read import files_of_no_test, read_program, read_tests
from precieux_client import Checker, Interactor, Limits, ProgramChecker, TestCase
from precieux_client.models import JudgeProgram


def read_input(text: str | None, file: Path | None) -> str | None:
    """Return the standard input that --input or --input-file gives."""
    if text is not None and file is not None:
        raise UsageError("Give either --input or --input-file, not both.")
    return files.read_text(file) if file is not None else text


def cases_of(pairs: Sequence[str] | None, folder: Path | None) -> list[TestCase]:
    """Return the tests of --test and --tests. Name what may be misspelt: tests without an output, and other files."""
    tests = read_tests(pairs or [], folder)
    names = ", ".join(str(test.name) for test in tests if test.expected_output is None)
    if names:
        terminal.hint(f"These tests have no output, so programs pass them if they end well: {names}.")
    if folder and (unused := files_of_no_test(folder)):
        terminal.hint(f"These files belong to no test: {terminal.some(unused)}.")
    return tests


def limits_of(cpu_s: float | None, wall_s: float | None, memory_bytes: int | None) -> Limits | None:
    if any(seconds is not None and not math.isfinite(seconds) for seconds in (cpu_s, wall_s)):
        raise UsageError("--cpu-s and --wall-s must be numbers of seconds.")
    limits = Limits(cpu_s=cpu_s, wall_s=wall_s, memory_bytes=memory_bytes)
    return None if limits == Limits() else limits


@dataclass(frozen=True, slots=True)
class Judges:
    """The judges of a program; None is the default."""

    checker: Checker | ProgramChecker | None
    interactor: Interactor | None


def judges_of(checker: str, args: Sequence[str] | None, interactor: Path | None, protocol: str) -> Judges:
    """Return what judges a program, by the options of a command. `checker` is a kind, or the path of a program.

    The arguments are those of the program that judges, or of `icpc`.
    """
    kinds: tuple[Any, ...] = get_args(Checker.__annotations__["kind"])
    protocols: tuple[Any, ...] = get_args(JudgeProgram.__annotations__["protocol"])
    if protocol not in protocols:
        raise UsageError(f"--checker-protocol {protocol}: it must be one of {', '.join(protocols)}.")
    is_program = checker not in kinds
    if is_program and not Path(checker).exists():
        raise UsageError(f"--checker {checker}: there is no such file, and it is not one of {', '.join(kinds)}.")
    if args and not (is_program or interactor or checker == "icpc"):
        raise UsageError("--checker-arg goes with a program that judges, or with --checker icpc.")
    made: Checker | ProgramChecker | None = None
    if is_program:
        made = ProgramChecker(**_program(Path(checker)), protocol=protocol, args=tuple(args or ()))  # type: ignore[arg-type]
    elif checker != "lines":
        made = Checker(kind=checker, args=tuple(args or ()) if checker == "icpc" else ())  # type: ignore[arg-type]
    if interactor is None:
        return Judges(made, None)
    own = () if is_program else tuple(args or ())
    return Judges(made, Interactor(**_program(interactor), protocol=protocol, args=own))  # type: ignore[arg-type]


def _program(path: Path) -> dict[str, Any]:
    program = read_program([path])
    return {"language": program.language, "files": program.files, "entry": program.entry}


def metadata_of(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return the metadata of options such as `--metadata NAME=TEXT`."""
    if wrong := next((pair for pair in pairs or () if "=" not in pair), None):
        raise UsageError(f"--metadata {wrong}: write it as NAME=TEXT.")
    return dict(pair.split("=", 1) for pair in pairs or ())
