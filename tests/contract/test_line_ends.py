"""A source with the line ends of Windows runs in every language, with continued lines and long strings."""

from typing import Any, Final

import pytest

from executor.languages import known
from tests.fixtures.run_call import codex

_INSTALLED: Final = {code: language for code, language in known().items() if language.toolchain()}
#: A program that a tool may fail to read, and its output.
_HARD: Final = {
    "bash": (
        "set -e\nx=1\nif [ $x = 1 ]; then\n  cat <<END\nhello $x\nEND\nfi\ncase a in\n  a) echo a \\\n b ;;\nesac\n",
        "hello 1\na b\n",
    ),
    "pl": ("#!/usr/bin/perl -w\nuse strict;\nprint <<END;\nhello\nEND\nprint length('a\nb'), \"\\n\";\n", "hello\n3\n"),
    "py": ("#!/usr/bin/env python3\nx = 1 + \\\n  2\nprint(len('''a\nb'''), x)\n", "3 3\n"),
    "js": ("#!/usr/bin/env node\nconsole.log(`a\nb`.length)\n", "3\n"),
    "c": ('#include <stdio.h>\n#define P(x) \\\n  puts(x)\nint main(void) {\n  P("con\\\ntinued"); }\n', "continued\n"),
    "cpp": ('#include <iostream>\nint main() { std::cout << sizeof(R"(a\nb)") << "\\n"; }\n', "4\n"),
    "f90": ("program p\n  print '(a)', 'con&\n    &tinued'\nend program\n", "continued\n"),
    "php": ('<?php\necho <<<END\nhello\nEND;\necho "\\n", 1;\n', "hello\n1"),
    "rb": ("puts <<END\nhello\nEND\nputs 1 +\n  2\n=begin\nx\n=end\n", "hello\n3\n"),
    "lua": ("--[[ a\nb ]]\nprint(#[[a\nb]])\n", "3\n"),
    "go": ('package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(len(`a\nb`))\n}\n', "3\n"),
    "rs": (
        'fn main() {\n    println!("{}", r"a\nb".len());\n    println!("con\\\n        tinued");\n}\n',
        "3\ncontinued\n",
    ),
    "java": (
        (
            "class A {\n  public static void main(String[] a) {\n"
            '    System.out.println("""\n      x\n      y""".length());\n  }\n}\n'
        ),
        "3\n",
    ),
}


def _run(url: str, language: str, code: str, **fields: str) -> dict[str, Any]:
    return codex(url, language, code.replace("\n", "\r\n"), **fields)


@pytest.mark.parametrize("language", [code for code in _INSTALLED if code not in _HARD])
def test_the_reference_program_runs(language: str, executor_url: str) -> None:
    reference = _INSTALLED[language].reference
    answer = _run(executor_url, language, reference.source, input=reference.input)
    assert answer["output"] == reference.output
    # Debian 13's libxml warns every COBOL program of its version.
    assert answer["error"] == "" or language == "cob"


@pytest.mark.parametrize("language", [code for code in _HARD if code in _INSTALLED])
def test_constructs_that_span_lines_work(language: str, executor_url: str) -> None:
    code, output = _HARD[language]
    answer = _run(executor_url, language, code)
    assert (answer["output"], answer["error"]) == (output, "")


def test_only_shells_have_their_line_ends_changed(executor_url: str) -> None:
    code = "import sys; print(open(sys.argv[0], newline='').read().count('\\r'))\n"
    assert _run(executor_url, "py", code)["output"] == "1\n"
    if "bash" in _INSTALLED:
        assert _run(executor_url, "bash", "grep -c $'\\r' main.sh || true\n")["output"] == "0\n"
