"""How the programs of Judge0's clients are run, and how they end, on a running system."""

import pytest

from tests.fixtures.gate import leave_out
from tests.fixtures.judge0 import EXECUTABLE, JAVA, MULTI_FILE, PLAIN_TEXT, C, Client, b64, decoded, zipped

pytestmark = pytest.mark.slow


# How programs end


def test_a_wrong_answer(owner: Client) -> None:
    one = owner.run("print(1)", expected_output="2")
    assert (one["status"], one["exit_code"]) == ({"id": 4, "description": "Wrong Answer"}, 0)
    assert owner.run("print(' a')", expected_output="a")["status_id"] == 4
    for source, expected in (("print('a \\r\\nb\\t\\0 \\n\\n')", "a\nb"), ("pass", "")):
        assert owner.run(source, expected_output=expected)["status_id"] == 3


def test_the_extra_time_is_judged_by_the_limit(owner: Client) -> None:
    source = "import time\nwhile time.process_time() < 0.6: pass\nprint('done')"
    one = owner.run(source, cpu_time_limit=0.3, cpu_extra_time=3)
    assert (one["status_id"], one["stdout"]) == (5, "done\n")


def test_a_compilation_error(owner: Client) -> None:
    one = owner.run("int main(void) { return x; }", C)
    assert one["status"] == {"id": 6, "description": "Compilation Error"}
    assert "error" in one["compile_output"]
    empty = ("stdout", "stderr", "time", "wall_time", "memory", "exit_code", "exit_signal", "message")
    assert [one[name] for name in empty] == [None] * len(empty)


def test_a_warning_of_the_compiler_stays(owner: Client) -> None:
    one = owner.run("#warning careful\nint main(void) { return 0; }", C)
    assert one["status_id"] == 3
    assert "careful" in one["compile_output"]


def test_a_program_in_another_format(owner: Client) -> None:
    one = owner.run(b64(b"\x7fELF" + bytes(100)), EXECUTABLE, _base64_encoded="true")
    assert one["status"] == {"id": 14, "description": "Exec Format Error"}


# Options, arguments, and programs of several files


def test_additional_files_are_beside_the_source(owner: Client) -> None:
    files = zipped({"data/a.txt": "from the zip", "script.py": "print('never')"})
    one = owner.run("print(open('data/a.txt').read())", additional_files=files)
    assert (one["stdout"], one["additional_files"].replace("\n", "")) == ("from the zip\n", files)
    header = zipped({"a.h": "#define X 5\n", "other.c": "this is no C\n"})
    source = '#include "a.h"\n#include <stdio.h>\nint main(void) { printf("%d", X); }'
    assert owner.run(source, C, additional_files=header)["stdout"] == "5"


def test_a_program_of_several_files(owner: Client) -> None:
    files = {"compile": "echo compiling; cp a b\n", "run": "cat b -\n", "a": "from a\n"}
    one = owner.run("", MULTI_FILE, additional_files=zipped(files), stdin="input")
    assert (one["status_id"], one["stdout"], one["compile_output"]) == (3, "from a\ninput", "compiling\n")
    assert one["source_code"] is None
    failing = zipped({"compile": "echo no; exit 1\n", "run": "echo never\n"})
    one = owner.run(None, MULTI_FILE, additional_files=failing)
    assert (one["status_id"], one["compile_output"], one["stdout"]) == (6, "no\n", None)
    one = owner.run(None, MULTI_FILE, additional_files=zipped({"a": "b"}))
    assert (one["status_id"], one["exit_code"]) == (11, 127)


def test_plain_text_and_a_compiled_program(owner: Client) -> None:
    one = owner.run("two\nlines", PLAIN_TEXT)
    assert (one["stdout"], one["source_code"]) == ("two\nlines", "two\nlines")
    with open("/bin/echo", "rb") as file:
        program = file.read()
    one = owner.run(b64(program), EXECUTABLE, command_line_arguments="a b", _base64_encoded="true")
    assert decoded(one)["stdout"] == b"a b\n"
    assert decoded(one)["source_code"] == program


def test_a_class_of_java_has_its_file(owner: Client) -> None:
    if all(language["id"] != JAVA for language in owner.get("/languages").json()):
        leave_out("no Java")
    source = 'public class Main { public static void main(String[] a) { System.out.println("hi"); } }'
    assert owner.run(source, JAVA)["stdout"] == "hi\n"
