"""Runs of Jobe's clients as the engine's programs: limits, options, and files."""

from typing import Any

import pytest

from api_service.doors.jobe.program import MB, OptionRefused, program_of
from shared.engine_api.run_call.request import ProgramRequest
from tests.unit.api_service.jobe.samples import BOUNDS, spec

_MAX_MEMORY = int(BOUNDS["memory_bytes"].max)
_USUAL_MEMORY = int(BOUNDS["memory_bytes"].default)


def limits(language: str, **parameters: Any) -> dict[str, float]:
    program = program_of(spec(language, **parameters), {})
    # The engine is strict about types.
    assert ProgramRequest.model_validate_json(program.engine_request("in"))
    found: dict[str, float] = program.fields["limits"]
    return found


@pytest.mark.parametrize(
    ("language", "memory", "address_space", "processes"),
    [
        ("c", 400 * MB, 400 * MB, 31),
        ("pascal", 400 * MB, 400 * MB, 31),
        ("python3", 1000 * MB, 1000 * MB, 31),
        ("octave", 500 * MB, 500 * MB, 31),
        ("nodejs", 400 * MB, None, 257),
        ("java", 200 << 20, None, 257),
        ("rs", 400 * MB, None, 31),
    ],
)
def test_limits_of_a_run_that_asks_for_none(
    language: str, memory: int, address_space: int | None, processes: int
) -> None:
    found = limits(language)
    assert found.get("address_space_bytes") == address_space
    overhead = 0 if language == "java" else 16 << 20
    assert (found["memory_bytes"], found["processes"]) == (memory + overhead, processes)
    assert (found["cpu_s"], found["wall_s"], found["output_bytes"]) == (5, 10, 1 << 20)
    assert program_of(spec(language), {}).fields["file_bytes"] == 20 * MB


@pytest.mark.parametrize("value", [0, -1, "x", "", "inf", "nan", None, [1], {}, True])
def test_what_is_no_number_is_the_default(value: Any) -> None:
    asked = dict.fromkeys(("cputime", "streamsize", "numprocs"), value)
    assert limits("c", **asked) == limits("c")


@pytest.mark.parametrize("half", [0.5, "0.5", " 0.5 "])
def test_numeric_texts_and_fractions_count(half: Any) -> None:
    found = limits("c", cputime=half, streamsize=half)
    assert (found["cpu_s"], found["wall_s"], found["output_bytes"]) == (0.5, 1, 512_000)
    assert limits("c", numprocs="40.7")["processes"] == 41


@pytest.mark.parametrize("huge", [500_000, 1e300])
def test_higher_limits_count_as_the_engines(huge: float) -> None:
    found = limits("c", streamsize=huge, numprocs=huge, memorylimit=huge)
    assert found == {
        "cpu_s": 5,
        "wall_s": 10,
        "processes": 512,
        "output_bytes": 1 << 20,
        "memory_bytes": _MAX_MEMORY,
        "address_space_bytes": _MAX_MEMORY,
    }
    assert program_of(spec("c", disklimit=huge), {}).fields["file_bytes"] >= 500_000 * MB


def test_memory_of_0_is_no_limit() -> None:
    found = limits("c", memorylimit=0)
    assert (found["memory_bytes"], found.get("address_space_bytes")) == (_MAX_MEMORY, None)


def test_little_memory_bounds_only_the_address_space() -> None:
    found = limits("c", memorylimit=50)
    assert (found["memory_bytes"], found["address_space_bytes"]) == (_USUAL_MEMORY, 50 * MB)
    assert limits("c", memorylimit=-1)["address_space_bytes"] == 400 * MB


def test_a_disklimit_of_minus_1_is_the_engines() -> None:
    assert "file_bytes" not in program_of(spec("c", disklimit=-1), {}).fields
    assert program_of(spec("c", disklimit=0), {}).fields["file_bytes"] == 20 * MB


def test_javas_own_options_decide_its_memory() -> None:
    assert limits("java", memorylimit=7)["memory_bytes"] == 200 << 20
    assert limits("java", interpreterargs=["-Xmx500m"])["memory_bytes"] == _MAX_MEMORY


@pytest.mark.parametrize(
    ("language", "args", "sent"),
    [
        ("python3", None, None),
        ("python3", ["-BE"], None),
        ("python3", [], ()),
        ("python3", ['-c "print(1)"'], ("-c", "print(1)")),
        ("java", ["-Xrs", "-Xss8m -Xmx200m"], None),
        ("java", ["-Xmx1g"], ("-Xmx1g",)),
        ("c", ["-x"], None),
    ],
)
def test_words_of_interpreters(language: str, args: list[str] | None, sent: tuple[str, ...] | None) -> None:
    parameters: dict[str, Any] = {} if args is None else {"interpreterargs": args}
    assert program_of(spec(language, **parameters), {}).fields.get("interpreter_args") == sent


@pytest.mark.parametrize(
    ("language", "filename", "parameters", "options"),
    [
        ("c", "prog.c", {}, ["-Wall", "-Werror", "-std=c99"]),
        ("c", "prog", {"compileargs": ["-x", "c"]}, []),
        ("c", "prog", {"compileargs": [], "linkargs": ["-lm"]}, ["-lm"]),
        ("c", "prog", {"compileargs": ["-O1 -DSIZE=17 -x c"]}, ["-O1", "-DSIZE=17"]),
        ("cpp", "prog.cpp", {}, ["-Wall", "-Werror"]),
        ("pascal", "prog.pas", {}, []),
        ("pascal", "prog.pas", {"compileargs": ["-Se", "-O1"]}, ["-O1"]),
        ("java", "A.java", {}, []),
        ("python3", "prog.py", {"compileargs": ["anything"]}, []),
    ],
)
def test_options_of_compilers(language: str, filename: str, parameters: dict[str, Any], options: list[str]) -> None:
    program = program_of(spec(language, sourcefilename=filename, **parameters), {})
    assert program.fields["compiler_args"] == options


@pytest.mark.parametrize(
    ("language", "parameters", "text"),
    [
        ("c", {"compileargs": ["std=c89"]}, "gcc: error: std=c89: not allowed here\n"),
        ("c", {"compileargs": ["-wrapper", "sh"]}, "gcc: error: -wrapper: not allowed here\n"),
        ("c", {"linkargs": ["-Wl,-T,/etc/passwd"]}, "gcc: error: -Wl,-T,/etc/passwd: not allowed here\n"),
        ("cpp", {"compileargs": ["-x", "assembler"]}, "g++: error: -x: not allowed here\n"),
        ("c", {"compileargs": ["-x"]}, "gcc: error: -x: not allowed here\n"),
        ("java", {"compileargs": ["-J-version"]}, "javac: error: -J-version: not allowed here\n"),
        ("java", {"compileargs": ["@prog.java"]}, "javac: error: @prog.java: not allowed here\n"),
        ("rs", {"linkargs": ["-lm"]}, "compiler: error: -lm: not allowed here\n"),
    ],
)
def test_words_that_are_not_allowed(language: str, parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionRefused) as caught:
        program_of(spec(language, **parameters), {})
    assert str(caught.value) == text


def test_files_that_the_compiler_gets() -> None:
    files = {"a.c": b"a", "b.o": b"b", "-lm": b"c", "-o": b"d"}
    program = program_of(spec("c", linkargs=["b.o", "-lm"]), files)
    assert program.fields["data_files"] == list(files)
    assert program.fields["compiler_args"][-2:] == ["b.o", "-lm"]
    assert program.files == {"prog.c": b"x", **files}
    with pytest.raises(OptionRefused):
        program_of(spec("c", linkargs=["-o"]), files)


def test_a_file_takes_the_place_of_a_source_of_its_name() -> None:
    program = program_of(spec("c"), {"prog.c": b"other"})
    assert (program.files, program.fields["data_files"]) == ({"prog.c": b"other"}, [])


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"sourcefilename": "A.b.java"}, "A"),
        ({"main_class": "B", "sourcefilename": "A.java"}, "B"),
        ({"main_class": None}, "prog"),
        ({"main_class": 5}, "prog"),
    ],
)
def test_the_class_that_is_run(fields: dict[str, Any], name: str) -> None:
    assert program_of(spec("java", **fields), {}).fields["main_class"] == name
    assert "main_class" not in program_of(spec("python3", **fields), {}).fields
