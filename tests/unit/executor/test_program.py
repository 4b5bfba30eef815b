"""The files of a program as its language's tools get them, and the options that a program may set."""

import re
from dataclasses import replace
from typing import Any

import pytest

from executor.catalogue.installed import Commands
from executor.languages import known
from executor.languages.program import ProgramSources, shadows
from executor.pipeline.plan import commands_of, program_of
from shared.engine_api.run_call.limits import is_allowed
from shared.engine_api.run_call.request import ProgramRequest
from tests.fixtures.languages import fake_installed

_COMPILED = [code for code, language in known().items() if language.compile]


def _program(code: str, *paths: str, **fields: Any) -> ProgramSources:
    files = [{"path": path, "content": fields.pop(path, f"content of {path}")} for path in paths]
    request = ProgramRequest.model_validate({"language": code, "files": files, **fields}, strict=False)
    return program_of(request, fake_installed(code))


def _commands(code: str, *paths: str, **fields: Any) -> Commands:
    return commands_of(_program(code, *paths, **fields), fake_installed(code), 512 << 20)


def _compile(code: str, *paths: str, **fields: Any) -> list[str]:
    """Return the words of the compile command, from the output's name on."""
    words = _commands(code, *paths, **fields).compile
    assert words
    return list(words)


@pytest.mark.parametrize(
    ("code", "paths", "entry", "words"),
    [
        ("c", ["main.c", "b/a.c", "a.h", "x.txt"], None, "-o main main.c b/a.c -lm"),
        ("c", ["a.c", "main.c"], "main.c", "-o main main.c a.c -lm"),
        ("cpp", ["main.cc", "a.cpp", "b.cxx", "c.c", "d.hpp"], None, "-o main main.cc a.cpp b.cxx"),
        ("f90", ["main.f90", "two.f90", "one.f90"], None, "-o main two.f90 one.f90 main.f90"),
        ("cs", ["p/Main.cs", "A.cs"], None, "/bin/mcs -out:main.exe p/Main.cs A.cs"),
        ("go", ["cmd/main.go", "cmd/a.go", "cmd/a_test.go", "b.go", "cmd/x/c.go"], None, "cmd/main.go cmd/a.go"),
        ("java", ["Main.java", "p/A.java", "x.properties"], None, "-d . Main.java p/A.java"),
        ("pas", ["main.pas", "unit.pas"], None, "-v0ew -omain main.pas"),
        ("rs", ["main.rs", "a.rs"], None, "--crate-name=main -o main main.rs"),
    ],
)
def test_a_compiler_gets_the_sources_that_it_does_not_find(
    code: str, paths: list[str], entry: str | None, words: str
) -> None:
    assert " ".join(_compile(code, *paths, entry=entry)).endswith(words)


def test_a_compiler_gets_no_data() -> None:
    assert _compile("c", "main.c", "a.c", "b.c", data_files=["b.c"])[-3:] == ["main.c", "a.c", "-lm"]


def test_sources_in_folders_find_headers_by_their_paths() -> None:
    assert "-iquote." in _compile("c", "src/main.c", "include/a.h")
    assert "-iquote." not in _compile("c", "main.c")


@pytest.mark.parametrize("name", ["-fplugin=x.so.c", "@options.c", "-.c"])
def test_a_files_name_is_no_option(name: str) -> None:
    assert _compile("c", name)[-2:] == [f"./{name}", "-lm"]
    assert _compile("c", "main.c", name)[-2:] == [f"./{name}", "-lm"]
    assert _commands("py", name).run == ("/bin/python", f"./{name}")


@pytest.mark.parametrize(
    ("path", "output"), [("main", "main_"), ("main/x", "main_"), ("main.exe", "main_"), ("x", "main")]
)
def test_a_compiler_does_not_overwrite_a_file(path: str, output: str) -> None:
    commands = _commands("c", "a.c", path)
    assert commands.compile
    assert commands.compile[commands.compile.index("-o") + 1] == output
    assert commands.run == (f"/box/work/{output}",)
    assert _commands("cs", "a.cs", path).run == ("/bin/mono", f"{output}.exe")


def test_the_only_java_source_gets_the_name_that_javac_wants() -> None:
    greeting = "package a; public class Greeting { void main() {} }"
    program = _program("java", "x/Main.java", "data.txt", **{"x/Main.java": greeting})
    assert list(program.files) == ["x/Greeting.java", "data.txt"]
    assert (program.names.source, program.names.main) == ("x/Greeting.java", "a.Greeting")
    program = _program("java", "Main.java", "Greeting.java/x", **{"Main.java": greeting})
    assert program.names.source == "Main.java"
    program = _program("java", "Main.java", "B.java", **{"Main.java": greeting})
    assert (program.names.source, program.names.main) == ("Main.java", "a.Greeting")


def test_a_java_source_keeps_its_name_beside_a_main_class() -> None:
    program = _program("java", "NO.java", main_class="a.Other", **{"NO.java": "public class Greeting {}"})
    assert (program.names.source, program.names.main) == ("NO.java", "a.Other")


def test_bash_gets_the_line_ends_that_it_understands() -> None:
    program = _program("bash", "a.sh", "lib/b.sh", "c.csv", **dict.fromkeys(("a.sh", "lib/b.sh", "c.csv"), "x\r\n"))
    assert program.files == {"a.sh": b"x\n", "lib/b.sh": b"x\n", "c.csv": b"x\r\n"}


@pytest.mark.parametrize(
    ("paths", "fields", "plain"),
    [
        (["main.c"], {}, True),
        (["own.c"], {}, True),
        (["main.c"], {"compiler_args": ["-O2"]}, False),
        (["main.c", "a.h"], {}, False),
        (["src/main.c"], {}, False),
        (["-x.c"], {}, False),
        (["a b.c"], {}, False),
        (["main.txt"], {}, False),
        (["x" * 63 + ".c"], {}, False),
    ],
)
def test_shortcuts_are_for_plain_programs(paths: list[str], fields: dict[str, Any], plain: bool) -> None:
    assert _program("c", *paths, **fields).is_plain is plain


@pytest.mark.parametrize(
    ("paths", "shadowing"),
    [(["main.py"], False), (["main.py", "util.py"], False), (["main.py", "Random.py"], True), (["random.py"], True),
     (["main.py", "random/x.py"], True), (["a/main.py", "a/random.txt"], True)],
)  # fmt: skip
def test_a_program_may_replace_modules_of_its_language(paths: list[str], shadowing: bool) -> None:
    installed = fake_installed("py", reserved=frozenset({"random"}))
    program = replace(_program("py", *paths), is_plain=paths == ["main.py"])
    assert shadows(program, installed.reserved) is shadowing


def test_the_own_option_replaces_the_usual_one() -> None:
    assert [word for word in _compile("rs", "main.rs") if word.startswith("--edition")] == ["--edition=2021"]
    words = _compile("rs", "main.rs", compiler_args=["--edition=2018", "-O"])
    assert [word for word in words if word.startswith("--edition")] == ["--edition=2018"]
    assert "-O" in words


def test_a_source_of_any_name_is_c() -> None:
    assert _compile("c", "prog")[-3:] == ["-xc", "prog", "-lm"]
    assert "-xc" not in _compile("c", "prog.c")


def test_files_among_the_options_come_after_the_source() -> None:
    words = _compile("c", "main.c", "a.c", "b.o", compiler_args=["-O2", "b.o", "a.c", "main.c"])
    assert words[-7:] == ["-O2", "-iquote.", "-o", "main", "main.c", "a.c", "b.o", "-lm"][-7:]


@pytest.mark.parametrize("code", _COMPILED)
def test_options_stand_where_the_compiler_reads_them(code: str) -> None:
    compile_ = known()[code].compile
    assert compile_
    option = compile_.allowed[0].replace("*", "x")
    words = _compile(code, "main.x", compiler_args=[option])
    assert 0 < words.index(option) < len(words) - 1


#: What runs a program, names a file, or is passed on to another tool.
_DANGEROUS = [
    "-B.", "-specs=x", "--specs=x", "-fplugin=x.so", "-fplugin-arg-x", "-wrapper", "-wrapper,x", "-x", "-xc", "-o",
    "-ox", "-I/etc", "-I", "-I.", "-include", "-imacros", "-isystem", "-L/x", "-lx", "-l:x", "@x", "-Wl,-z", "-Wa,-a",
    "-Wp,-MD", "-Xlinker", "-Xassembler", "-Xpreprocessor", "-T", "-dumpbase", "-save-temps", "-MF", "-MD",
    "-fdump-tree-all", "-fuse-ld=x", "-no-canonical-prefixes", "-iquote/etc", "--sysroot=/", "-fprofile-use=/x",
    "-frandom-seed=x", "-E", "-S", "-c", "-M", "-v", "--help", "main.c", "/etc/passwd", "", "-", "--", "-D", "-std=",
    "-fdiagnostics-format=json-file", "-J-agentpath:x", "-processor", "-processorpath", "-cp", "-d", "-sourcepath",
    "-Xplugin:x", "-encoding", "--module-path", "-toolexec=x", "-toolexec", "-ldflags=-extld=x", "-gcflags=-o",
    "-overlay=x", "-modfile=x", "-exec", "-buildmode=plugin", "-out:x", "-r:/x.dll", "-recurse:*", "-resource:x",
    "-res:x", "-addmodule:x", "-pkg:x", "-lib:x", "-keyfile:x", "-Clinker=x", "-C", "-Clink-arg=x", "-Clink-args=x",
    "--extern", "-L", "-Zx", "--sysroot", "--emit=asm", "-Cllvm-args=x", "-FD.", "-Fu/x", "-FE/x", "-o/x", "-k-x",
    "-XP", "-e/x", "-I/x", "-Fi/x", "-al", "-L.", "other.so", "-D@x", "-U@x", "-Wa,@x",
]  # fmt: skip


@pytest.mark.parametrize("code", _COMPILED)
def test_no_dangerous_option_is_allowed(code: str) -> None:
    compile_ = known()[code].compile
    assert compile_
    rust = code == "rs"  # its -F, -D, -A and -W are lints
    dangerous = [option for option in _DANGEROUS if not (rust and re.match("-[FDAW].", option))]
    pascal = code == "pas"  # its -d defines a name
    assert [option for option in dangerous if is_allowed(option, compile_.allowed)] == (["-dumpbase"] if pascal else [])


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("c", "-O2 -std=c17 -Wall -Wextra -Werror -lm -pthread -g -DN=5 -DNAME"),
        ("cpp", "-O3 -std=c++20 -Wall -Wno-unused-result -fsanitize=address -static"),
        ("java", "-Xlint:all --release=11"),
        ("rs", "-O -Copt-level=3 --edition=2018"),
        ("f90", "-O2 -std=f2018 -fcheck=all"),
    ],
)
def test_the_usual_options_are_allowed(code: str, options: str) -> None:
    compile_ = known()[code].compile
    assert compile_
    assert [option for option in options.split() if not is_allowed(option, compile_.allowed)] == []
