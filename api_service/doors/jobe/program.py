"""Makes the engine's program of a run: its files, its options, and its limits. Pure."""

import math
from collections.abc import Container, Mapping
from typing import Any, Final

from api_service.doors.jobe.request import RunSpec
from api_service.doors.program import DoorProgram, within
from shared.engine_api.run_call.limits import is_allowed

MB: Final = 1_024_000
#: The heap of a Java program whose options are the usual ones, in bytes.
_JAVA_HEAP: Final = 200 << 20
#: Bytes that count as a program's memory, and are not in its address space: page tables, and what starts it.
_OVERHEAD: Final = 16 << 20
#: More megabytes or processes than any machine has, so that all numbers are finite.
_MAX: Final = 1 << 30
_NO_MEMORYLIMIT, _NO_DISKLIMIT = 0, -1


class OptionRefused(Exception):
    """A word is no option that a program may set. The text is what the compiler says."""


def program_of(spec: RunSpec, files: Mapping[str, bytes]) -> DoorProgram:
    """Return the program of a run beside these files. Raise `OptionRefused` for a word that no compiler may get."""
    fields: dict[str, Any] = {
        "compiler_args": _compiler_words(spec, files) if spec.language.engine_language.is_compiled else [],
        # Only the source is compiled, and what the compiler's words name.
        "data_files": [name for name in files if name != spec.filename],
        "limits": _limits(spec),
        "output_order": True,
    }
    disklimit = spec.number("disklimit", 20, _NO_DISKLIMIT)
    if disklimit != _NO_DISKLIMIT:
        fields["file_bytes"] = _bytes(disklimit)
    if spec.language.file_of_class:
        fields["main_class"] = spec.main_class
    if spec.interpreter_args is not None:
        fields["interpreter_args"] = spec.interpreter_args
    # As in Jobe, a file takes the place of a source of its name. The engine refuses an empty source.
    contents = {spec.filename: spec.source.encode(), **files}
    contents[spec.filename] = contents[spec.filename] or b"\n"
    return DoorProgram(spec.language.engine_language, contents, spec.filename, spec.words("runargs"), fields)


def _compiler_words(spec: RunSpec, files: Container[str]) -> list[str]:
    language, allowed = spec.language, spec.language.engine_language.compiler_args
    words = iter((*spec.words("compileargs", language.compileargs), *spec.words("linkargs")))
    options = []
    for word in words:
        option = word + next(words, "") if word == "-x" else word
        if is_allowed(option, allowed) or (option in files and not option.startswith("-")):
            options.append(option)
        elif option not in language.compileargs:  # those are in effect already
            raise OptionRefused(f"{language.compiler}: error: {word}: not allowed here\n")
    return options


def _limits(spec: RunSpec) -> dict[str, float]:
    language, bounds = spec.language, spec.language.engine_language.limits
    cputime = spec.number("cputime", 5)
    limits = {
        "cpu_s": cputime,
        "wall_s": 2 * cputime,
        "output_bytes": _bytes(spec.number("streamsize", 2)),
        "processes": max(int(min(spec.number("numprocs", 30), _MAX)), language.processes) + 1,
        "memory_bytes": math.inf,
    }
    addresses = None
    if not language.memory_mb:
        if spec.interpreter_args is None:
            limits["memory_bytes"] = _JAVA_HEAP
    elif memory_mb := spec.number("memorylimit", language.memory_mb, _NO_MEMORYLIMIT):
        addresses = _bytes(memory_mb)
        usual = bounds["memory_bytes"].default if bounds else 0
        limits["memory_bytes"] = max(addresses + _OVERHEAD, usual)
    limits = within(limits, bounds)
    if addresses and language.bounds_addresses:
        # The kernel refuses memory beyond it, and the program goes on.
        limits["address_space_bytes"] = min(addresses, int(limits.get("memory_bytes", addresses)))
    return limits


def _bytes(megabytes: float) -> int:
    return max(1, int(min(megabytes, _MAX) * MB))
