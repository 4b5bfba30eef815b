"""How the programs of Judge0's clients are run, and how they end, on a running system."""

import pytest

from tests.fixtures.judge0 import BASH, EXECUTABLE, JAVA, MULTI_FILE, PLAIN_TEXT, C, Client, Door, b64, decoded, zipped

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def owner(judge0: Door) -> Client:
    return judge0.owner


# How programs end


def test_a_wrong_answer(owner: Client) -> None:
    one = owner.run("print(1)", expected_output="2")
    assert (one["status"], one["exit_code"]) == ({"id": 4, "description": "Wrong Answer"}, 0)


@pytest.mark.parametrize(
    ("source", "expected", "status"),
    [
        ("print('a \\r\\nb\\t\\n\\n')", "a\nb", 3),
        ("print(' a')", "a", 4),
        ("print('a\\0 \\0')", "a", 3),
        ("", "", 3),
        ("print('a')", "a \n\n", 3),
    ],
)
def test_the_comparison(owner: Client, source: str, expected: str, status: int) -> None:
    assert owner.run(f"pass\n{source}", expected_output=expected)["status_id"] == status


def test_an_exit_code(owner: Client) -> None:
    one = owner.run("print('x', flush=True); raise SystemExit(3)")
    assert (one["status"]["description"], one["exit_code"], one["exit_signal"]) == ("Runtime Error (NZEC)", 3, None)
    assert (one["message"], one["stdout"]) == ("Exited with error status 3", "x\n")


@pytest.mark.parametrize(
    ("name", "number", "status"),
    [("SEGV", 11, 7), ("XFSZ", 25, 8), ("FPE", 8, 9), ("ABRT", 6, 10), ("KILL", 9, 12)],
)
def test_a_signal(owner: Client, name: str, number: int, status: int) -> None:
    source = f"#include <signal.h>\nint main(void) {{ raise(SIG{name}); return 0; }}"
    one = owner.run(source, C)
    assert (one["status_id"], one["exit_signal"], one["exit_code"]) == (status, number, 0)
    assert one["message"] == f"Caught fatal signal {number}"


def test_the_limit_of_cpu_time(owner: Client) -> None:
    one = owner.run("while True: pass", cpu_time_limit=0.3, cpu_extra_time=0.2)
    assert (one["status"]["description"], one["message"]) == ("Time Limit Exceeded", "Time limit exceeded")
    assert 0.3 < float(one["time"]) < 1.5


def test_the_extra_time_is_judged_by_the_limit(owner: Client) -> None:
    source = "import time\nwhile time.process_time() < 0.6: pass\nprint('done')"
    one = owner.run(source, cpu_time_limit=0.3, cpu_extra_time=3)
    assert (one["status_id"], one["stdout"]) == (5, "done\n")


def test_the_limit_of_elapsed_time(owner: Client) -> None:
    one = owner.run("import time; time.sleep(5)", wall_time_limit=1)
    assert (one["status_id"], one["message"]) == (5, "Time limit exceeded (wall clock)")


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


def test_the_limit_of_memory(owner: Client) -> None:
    source = "#include <stdlib.h>\n#include <string.h>\nint main(void) { memset(malloc(1 << 28), 1, 1 << 28); }"
    one = owner.run(source, C)
    assert (one["status_id"], one["exit_signal"]) == (12, 9)
    one = owner.run("x = bytearray(1 << 30)")
    assert (one["status_id"], one["exit_code"], one["exit_signal"]) in ((12, 0, 9), (11, 1, None))


def test_the_limit_of_the_stack(owner: Client) -> None:
    source = "int f(int n) { volatile char a[1024]; a[0] = n; return n ? f(n - 1) + a[0] : 0; }\n"
    source += "int main(void) { f(20000); return 0; }"
    assert owner.run(source, C, compiler_options="-O0", stack_limit=8000)["status_id"] == 7
    assert owner.run(source, C, compiler_options="-O0")["status_id"] == 3


def test_the_limit_of_files(owner: Client) -> None:
    source = '#include <stdio.h>\nint main(void) { FILE *f = fopen("f", "w");'
    source += " for (int i = 0; i < 200000; i++) fputc('x', f); return fclose(f); }"
    assert owner.run(source, C, max_file_size=100)["status_id"] == 8
    assert owner.run(source, C, max_file_size=1000)["status_id"] == 3


def test_an_output_is_a_file_too(owner: Client) -> None:
    one = owner.run("print('x' * 200000)", max_file_size=100)
    assert (one["status_id"], one["exit_signal"], len(one["stdout"])) == (8, 25, 102400)


def test_the_number_of_processes(owner: Client) -> None:
    source = "import threading, time\nfor i in range(40): threading.Thread(target=time.sleep, args=(1,)).start()"
    assert owner.run(source, max_processes_and_or_threads=20)["status_id"] == 11
    assert owner.run(source)["status_id"] == 3


def test_standard_error_can_go_with_standard_output(owner: Client) -> None:
    source = "import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr, flush=True)\nprint('c')"
    one = owner.run(source, redirect_stderr_to_stdout=True)
    assert (one["stdout"], one["stderr"]) == ("a\nb\nc\n", None)


def test_a_program_in_another_format(owner: Client) -> None:
    one = owner.run(b64(b"\x7fELF" + bytes(100)), EXECUTABLE, _base64_encoded="true")
    assert one["status"] == {"id": 14, "description": "Exec Format Error"}


def test_several_runs(owner: Client) -> None:
    source = "import os\nprint(input(), os.path.exists('x'))\nopen('x', 'w')"
    one = owner.run(source, stdin="7", expected_output="7 False", number_of_runs=3)
    assert (one["status_id"], one["stdout"], one["number_of_runs"]) == (3, "7 False\n", 3)
    assert owner.run("raise SystemExit(1)", number_of_runs=20)["status_id"] == 11


# Options, arguments, and programs of several files


def test_arguments_are_split_as_a_shell_does(owner: Client) -> None:
    source = "import sys; print(sys.argv[1:])"
    one = owner.run(source, command_line_arguments="a 'b c' $HOME;x|y")
    assert one["stdout"] == "['a', 'b c', 'HOMExy']\n"
    assert one["command_line_arguments"] == "a 'b c' $HOME;x|y"


def test_options_go_to_the_compiler(owner: Client) -> None:
    source = "#include <stdio.h>\nint main(void) { puts(GREETING); }"
    one = owner.run(source, C, compiler_options="-DGREETING='\"hi there\"'")
    assert (one["status_id"], one["stdout"]) == (3, "hi there\n")
    assert "--plugin=x" in str(owner.errors(source, C, compiler_options="--plugin=x"))


def test_additional_files_are_beside_the_source(owner: Client) -> None:
    files = zipped({"data/a.txt": "from the zip", "script.py": "print('never')"})
    one = owner.run("print(open('data/a.txt').read())", additional_files=files)
    assert (one["stdout"], one["additional_files"].replace("\n", "")) == ("from the zip\n", files)
    header = zipped({"a.h": "#define X 5\n", "other.c": "this is no C\n"})
    source = '#include "a.h"\n#include <stdio.h>\nint main(void) { printf("%d", X); }'
    assert owner.run(source, C, additional_files=header)["stdout"] == "5"


def test_an_archive_that_is_no_zip_is_left_out(owner: Client) -> None:
    assert owner.run("print(1)", additional_files=b64("no zip"))["stdout"] == "1\n"


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


@pytest.mark.parametrize(
    ("number", "source"),
    [
        (BASH, "echo hi"),
        (JAVA, 'public class Main { public static void main(String[] a) { System.out.println("hi"); } }'),
        (63, "console.log('hi')"),
        (52, '#include <iostream>\nint main() { std::cout << "hi\\n"; }'),
        (85, 'print "hi\\n";'),
    ],
)
def test_each_language_greets(owner: Client, number: int, source: str) -> None:
    if all(language["id"] != number for language in owner.get("/languages").json()):
        pytest.skip("it is not installed")
    assert owner.run(source, number)["stdout"] == "hi\n"
