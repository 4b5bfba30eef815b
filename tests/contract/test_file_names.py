"""Messages of compilers and interpreters name the file as its sender does."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from executor.languages import known
from tests.fixtures.executor import running_executor
from tests.fixtures.run_call import codex
from tests.waiting import eventually_sync

#: A program that fails, and the part of its message that names the file.
_FAILING: Final = {
    "py": ("1 / 0\n", 'File "/box/work/{name}", line 1'),
    "js": ("throw Error('x')\n", "/box/work/{name}:1"),
    "c": ("int main(void) { return x; }\n", "{name}:1:25: error"),
    "cpp": ("#include <cstdio>\nint main() { return x; }\n", "{name}:2:21: error"),
    "f90": ("program p\n  call\nend program\n", "{name}:2:6:"),
    "go": ('package main\n\nfunc main() { panic("x") }\n', "/box/work/{name}:3"),
    "cs": ("class P { static void Main() { x(); } }\n", "{name}(1,"),
    "rs": ('fn main() { panic!("x") }\n', "{name}:1:13"),
    "pl": ('die "x";\n', "at {name} line 1"),
    "php": ("<?php throw new Exception('x');\n", "/box/work/{name}:1"),
    "rb": ("raise 'x'\n", "{name}:1:in"),
    "lua": ("error('x')\n", "{name}:1: x"),
    "bash": ("x=(\n", "{name}: line "),
    "ts": ("const x: number = 'a'\n", "{name}(1,7): error"),
    "deno": ("throw new Error('x')\n", "/box/work/{name}:1"),
    "bun": ("throw new Error('x')\n", "/box/work/{name}:1"),
    "coffee": ("throw new Error 'x'\n", "/box/work/{name}:1"),
    "dash": ("x=$((\n", "{name}: 2: "),
    "zsh": ("x=$((\n", "{name}:2: "),
    "awk": ("BEGIN { print 1 / 0 }\n", "{name}:1: error"),
    "luajit": ("error('x')\n", "{name}:1: x"),
    "pypy": ("1 / 0\n", 'File "/box/work/{name}", line 1'),
    "tcl": ("error x\n", '(file "{name}" line 1)'),
    "cr": ("x\n", "{name}:1:1"),
    "zig": ("pub fn main() void { x; }\n", "{name}:1:22: error"),
    "vala": ("void main () { x (); }\n", "{name}:1.16"),
    "clang": ("int main(void) { return x; }\n", "{name}:1:25: error"),
    "clangpp": ("int main() { return x; }\n", "{name}:1:21: error"),
    "tcc": ("int main(void) { return x; }\n", "{name}:1: error"),
    "ll": ("define i32 @main() {\n  ret i32 %x\n}\n", "{name}:2:11: error"),
    "asm": ("x y z\n", "{name}:1: error"),
    "cob": ("PROCEDURE DIVISION.\n    X.\n", "{name}:1: error"),
    "bas": ("print 1 +\n", "{name}, line 1"),
    "kt": ("fun main() { x() }\n", "{name}:1:14: error"),
    "scala": ("object Main { x }\n", "{name}:1: error"),
    "hs": ("main = x\n", "{name}:1:8"),
    "groovy": ("x()\n", "({name}:1)"),
    "clj": ("(x)\n", "({name}:1:1)"),
    "lisp": ("(x)\n", "/box/work/{name}"),
    "scm": ("(x)\n", "/box/work/{name}"),
    "rkt": ("#lang racket\n(x)\n", "{name}:2:1: x"),
    "erl": ("#!/usr/bin/env escript\nmain(_) -> x(.\n", "{name}:2:14: "),
    "exs": ("x()\n", "{name}:1"),
    "prolog": ("main :- x y.\n", "/box/work/{name}:1:10: "),
    "gprolog": ("main :- x y.\n", "{name}:1:11: "),
    "octave": ("x()\n", "{name} at line 1"),
    "raku": ("x();\n", "/box/work/{name}"),
    "bc": ("x y\n", "{name} 1: "),
    "v": ("module main; x\n", "{name}:2: "),
    "bf": ("[\n", "{name}: "),
}
#: Scripts that print whether they were forked from a warm runtime.
_TELLS_IF_FORKED: Final = {
    "py": "print('/box/zygote.py' in open('/proc/self/cmdline').read())",
    "js": "console.log(/start.js/.test(require('fs').readFileSync('/proc/self/cmdline')) ? 'True' : 'False')",
}
_INSTALLED: Final = [code for code in _FAILING if known()[code].toolchain()]
_FORKED: Final = [code for code in _TELLS_IF_FORKED if code in _INSTALLED]


@pytest.fixture(scope="module", params=["as it comes", pytest.param("cold", marks=pytest.mark.slow)])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(mode: str) -> Iterator[str]:
    with running_executor(mode) as running:
        for language in _FORKED if mode != "cold" else ():
            eventually_sync(partial(_was_forked, running.url, language), what=f"a runtime of {language} waits")
        yield running.url


def _was_forked(url: str, language: str) -> bool:
    return bool(codex(url, language, _TELLS_IF_FORKED[language])["output"] == "True\n")


def test_every_language_with_own_names_is_covered() -> None:
    assert set(_FAILING) == {code for code, language in known().items() if language.source_file.extensions}


@pytest.mark.parametrize("language", _INSTALLED)
def test_a_message_has_the_senders_own_name(language: str, url: str) -> None:
    code, message = _FAILING[language]
    for extension in known()[language].source_file.extensions:
        if extension != "mjs":
            own = f"crash_it-2.{extension}"
            answer = codex(url, language, code, filename=f"homework/{own}")
            assert message.format(name=own) in answer["error"]
            assert f"main.{extension}" not in answer["error"]


@pytest.mark.parametrize("language", _INSTALLED)
def test_a_program_runs_under_its_own_name(language: str, url: str) -> None:
    reference = known()[language].reference
    own = f"hello_world.{known()[language].source_file.extensions[0]}"
    answer = codex(url, language, reference.source, input=reference.input, filename=own)
    assert (answer["verdict"], answer["output"]) == ("ok", reference.output)
    # Debian 13's libxml warns every COBOL program of its version.
    assert answer["error"] == "" or language == "cob"


def test_a_script_does_not_replace_a_module(url: str) -> None:
    for module in ("random", "string", "types", "enum", "sitecustomize", "antigravity"):
        answer = codex(url, "py", "import random, string; print(random.__file__ == __file__)", filename=f"{module}.py")
        assert (answer["output"], answer["error"]) == ("False\n", "")


@pytest.mark.parametrize("language", _FORKED)
def test_a_script_with_its_own_name_is_forked_too(language: str, url: str, mode: str) -> None:
    answer = codex(url, language, _TELLS_IF_FORKED[language], filename=f"own.{language}")
    assert answer["output"] == str(mode != "cold") + "\n"


def test_a_program_in_c_knows_its_own_name(url: str) -> None:
    code = "#include <assert.h>\n#include <stdio.h>\nint main(void) { fputs(__FILE__, stderr); assert(0); }\n"
    for name in ("crash.c", "other.c"):
        assert f"{name}main: {name}:3: main: Assertion" in codex(url, "c", code, filename=name)["error"]
