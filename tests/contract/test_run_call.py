"""`POST /run` of a real executor: several files, arguments, options and limits."""

from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from executor.languages import known
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, Output, Stop
from tests.contract.programs_of_files import ARGUMENTS, SEVERAL, WORDS
from tests.fixtures import run_call
from tests.fixtures.executor import running_executor
from tests.fixtures.languages import need_language
from tests.waiting import PATIENCE

_MODES: Final = [
    "as it comes",
    *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("cold", "without cgroups", "ordinary user")),
]
_INSTALLED: Final = [code for code, language in known().items() if language.toolchain()]


@pytest.fixture(scope="module", params=_MODES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with running_executor(request.param, executor_slots="4") as running:
        yield running.url


def test_both_tables_have_the_same_languages() -> None:
    """`make test-languages` tries the others."""
    assert set(SEVERAL) == set(ARGUMENTS) <= set(known())


@pytest.mark.parametrize("code", sorted(SEVERAL))
async def test_a_program_has_several_files(code: str, url: str) -> None:
    need_language(code)
    for _ in range(2):
        first, second = await run_call.tests(url, code, {**SEVERAL[code], "data/x": "found"}, tests=[{}, {}])
        assert (first.verdict, first.stdout, first.stderr) == (Verdict.OK, "42 found\n", "")
        assert (second.verdict, second.stdout, second.stderr) == (Verdict.OK, "42 found\n", "")


@pytest.mark.parametrize("code", sorted(ARGUMENTS))
async def test_arguments_arrive_as_they_were_sent(code: str, url: str) -> None:
    need_language(code)
    files = {f"main.{known()[code].extensions[0]}": ARGUMENTS[code]}
    long = ["x" * 128] * 256
    tests = [{"args": WORDS}, {}, {"args": long}]
    ended = await run_call.tests(url, code, files, tests=tests)
    assert [test.stdout for test in ended] == ["".join(f"[{word}]" for word in words) for words in (WORDS, [], long)]


@pytest.mark.parametrize("code", _INSTALLED)
async def test_the_sample_of_each_language_ends_well(code: str, url: str) -> None:
    language = known()[code]
    (test,) = await run_call.tests(url, code, {f"main.{language.extensions[0]}": language.sample})
    assert (test.verdict, test.stdout, test.stderr) == (Verdict.OK, "Hello, world!\n", "")


@pytest.mark.slow
async def test_the_most_files_with_the_longest_paths_arrive(url: str) -> None:
    paths = [f"{'f' * 120}/{number:03}{'x' * 129}.c" for number in range(255)]
    assert {len(path) for path in paths} == {255}
    sources = {path: f"int f{number}(void) {{ return {number}; }}" for number, path in enumerate(paths)}
    main = "\n".join(f"int f{number}(void);" for number in range(255))
    total = " + ".join(f"f{number}()" for number in range(255))
    main += f'\n#include <stdio.h>\nint main(int n, char **v) {{ printf("%d %s %d", {total}, v[256], n); }}'
    tests = [{"args": ["y" * 128] * 256}] * 2
    ended = await run_call.tests(
        url, "c", {"main.c": main, **sources}, tests=tests, compiler_args=["-DX" + "x" * 125] * 256
    )
    assert [test.stdout for test in ended] == [f"{sum(range(255))} {'y' * 128} 257"] * 2


async def test_each_test_has_a_fresh_box(url: str) -> None:
    program = """
import os
print(sorted(os.listdir('.')), os.listdir('/tmp'), os.listdir('/dev/shm'), open('data').read())
for path in ('left', '/tmp/left', '/dev/shm/left', 'data', 'main.py'):
    open(path, 'w').write('left')
"""
    ended = await run_call.tests(url, "py", {"main.py": program, "data": "kept"}, tests=[{}] * 3)
    assert [test.stdout for test in ended] == ["['data', 'main.py'] [] [] kept\n"] * 3


_LOOP = "while True: pass"


@pytest.mark.parametrize(
    ("program", "limits", "verdict"),
    [
        (_LOOP, {"cpu_s": 0.2 * PATIENCE}, Verdict.TIME_LIMIT),
        ("import time; time.sleep(100)", {"wall_s": 0.2 * PATIENCE}, Verdict.TIME_LIMIT),
        ("x = bytearray(200 << 20)", {"memory_bytes": 50 << 20}, Verdict.MEMORY_LIMIT),
        ("x = bytearray(20 << 20)", {"memory_bytes": 100 << 20}, Verdict.OK),
        ("print('x' * 1000)", {"output_bytes": 100}, Verdict.OUTPUT_LIMIT),
        ("import sys; sys.stderr.write('x' * 1000)", {"output_bytes": 100}, Verdict.OUTPUT_LIMIT),
        ("print('x' * 99)", {"output_bytes": 100}, Verdict.OK),
    ],
)
async def test_a_test_ends_at_its_limits(program: str, limits: dict[str, float], verdict: Verdict, url: str) -> None:
    tests = [{"limits": limits, "expected_output": None if verdict is Verdict.OK else "x"}, {}]
    ended = await run_call.tests(url, "py", {"main.py": program}, tests=tests[:1])
    assert [test.verdict for test in ended] == [verdict]
    ended = await run_call.tests(url, "py", {"main.py": program}, limits=limits)
    assert [test.verdict for test in ended] == [verdict]


async def test_the_output_is_kept_up_to_the_limit(url: str) -> None:
    program = "import sys; sys.stdout.write('o' * 50); sys.stdout.flush(); sys.stderr.write('e' * 200)"
    (test,) = await run_call.tests(url, "py", {"main.py": program}, limits={"output_bytes": 100})
    assert (test.stdout, test.stderr, test.truncated) == ("o" * 50, "e" * 100, ["stderr"])


@pytest.mark.parametrize("code", ["c", "py"])
async def test_processes_are_limited(code: str, url: str) -> None:
    programs = {
        "c": "#include <stdio.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint main(void) {\n"
        "int made = 0; for (int n = 0; n < 20; n++) { int p = fork(); if (p == 0) { pause(); } made += p > 0; }\n"
        'printf("%d", made); }',
        "py": "import os, signal\nmade = 0\nfor n in range(20):\n  try: p = os.fork()\n  except OSError: continue\n"
        "  if p == 0: signal.pause()\n  made += 1\nprint(made, end='')",
    }  # fmt: skip
    few, many = await run_call.tests(
        url, code, {f"main.{code}": programs[code]}, tests=[{"limits": {"processes": 5}}, {"limits": {"processes": 60}}]
    )
    assert (few.stdout, many.stdout) == ("4", "20")


@pytest.mark.parametrize("limits", [{"processes": 100}, {"output_bytes": 100}, {"memory_bytes": 100 << 20}])
@pytest.mark.parametrize("code", ["java", "js", "py", "c"])
async def test_unusual_limits_suit_every_runtime(code: str, limits: dict[str, int], url: str) -> None:
    need_language(code)
    files = {f"main.{code}": known()[code].sample}
    assert [test.stdout for test in await run_call.tests(url, code, files, limits=limits)] == ["Hello, world!\n"]


_STANDARD = '#include <stdio.h>\nint main(void) { printf("%s %ld", X, __STDC_VERSION__); }'
_ROOT = '#include <math.h>\n#include <stdio.h>\nint main(int n, char **v) { printf("%g", sqrt(n * 9)); }'
_THREAD = "#include <pthread.h>\nint main(void) { return pthread_self() == 0; }"
_SANITIZED = '#include <stdio.h>\nint main(int n, char **v) { puts("x"); return 0 * (1 << (n + 31)); }'
_JAVA = "class Main { public static void main(String[] words) { System.out.print(1); } }"
_RUST = 'fn main() { if cfg!(debug_assertions) { print!("slow") } else { print!("fast") } }'


@pytest.mark.parametrize(
    ("code", "source", "options", "printed"),
    [
        ("c", "int main(void) { return !__OPTIMIZE__; }", ["-O2"], ""),
        ("c", _STANDARD, ['-DX="a b"', "-std=c99"], "a b 199901"),
        ("c", _ROOT, ["-lm", "-g"], "3"),
        ("c", _THREAD, ["-pthread", "-static"], ""),
        ("c", _SANITIZED, ["-fsanitize=undefined"], "x\n"),
        ("cpp", "#include <iostream>\nint main() { std::cout << __cplusplus; }", ["-std=c++20"], "202002"),
        ("java", _JAVA, ["-Xlint:all", "-g"], "1"),
        ("rs", _RUST, ["-O"], "fast"),
    ],
)
async def test_options_reach_the_compiler(code: str, source: str, options: list[str], printed: str, url: str) -> None:
    need_language(code)
    for _ in range(2):
        (test,) = await run_call.tests(url, code, {f"main.{code}": source}, compiler_args=options)
        assert (test.verdict, test.stdout) == (Verdict.OK, printed), test


async def test_both_calls_agree_on_a_program(url: str) -> None:
    """A simple submission may run by either call, and its mail must read the same."""
    for code, source in {
        "py": "import sys; print(input()); sys.exit('bad')",
        "c": "int main(void) { return *(volatile int *)0; }",
        "java": "public class Own { public static void main(String[] a) { throw new Error(); } }",
        "bash": "exit 7",
    }.items():  # fmt: skip
        async with httpx.AsyncClient(timeout=120 * PATIENCE) as client:
            answer = (await client.post(url, json={"language": code, "code": source, "input": "x"})).json()
        (test,) = await run_call.tests(url, code, {f"main.{code}": source}, tests=[{"stdin": "x"}])
        assert (test.verdict, test.stdout, test.exit_code, test.signal) == (
            answer["verdict"], answer["output"], answer["exit_code"], answer["signal"],
        )  # fmt: skip
        assert "\n".join(filter(None, (test.error, test.stderr))) == answer["error"]


async def test_a_program_has_the_variables_of_its_request(url: str) -> None:
    program = "import os; print(os.environ['HOME'], os.environ['OWN'], 'PATH' in os.environ)"
    ended = await run_call.tests(url, "py", {"main.py": program}, environment={"HOME": "/tmp", "OWN": "a b"})
    assert [test.stdout for test in ended] == ["/tmp a b True\n"]


async def test_output_has_an_order(url: str) -> None:
    program = r"for word in é o; do printf $word; sleep 0.1; printf e >&2; sleep 0.1; done"
    (test,) = await run_call.tests(url, "bash", {"main.sh": program}, output_order=True)
    assert (test.stdout, test.stderr, test.order) == ("éo", "ee", [1, 1, 1, 1])
    (without,) = await run_call.tests(url, "bash", {"main.sh": program})
    assert without.order is None


async def test_the_compilers_outputs_are_kept_apart(url: str) -> None:
    files = {"main.c": '#warning "careful"\nint main(void) { return 0; }'}
    for _ in range(2):
        for apart in (True, False):
            found = await run_call.events(url, "c", files, output_order=apart)
            compiled = found[1]
            assert isinstance(compiled, Compiled)
            assert (compiled.exit_code, compiled.stopped) == (0, None)
            if apart:
                assert compiled.output == ""
                assert "careful" in (compiled.stderr or "")
                assert compiled.order == [0, len(compiled.stderr or "")]
            else:
                assert "careful" in compiled.output
                assert compiled.stderr is None


_ASSERTS = """class Main { public static void main(String[] words) {
    boolean checked = false;
    try { assert false; } catch (AssertionError e) { checked = true; }
    System.out.println(checked + " " + (Runtime.getRuntime().maxMemory() <= 200 << 20));
} }"""


_ALLOCATES = """#include <stdio.h>
#include <stdlib.h>
int main(void) { puts(malloc(2000000000) ? "memory" : "none"); }"""
_CATCHES = """import resource, threading
try: x = bytearray(2000000000)
except MemoryError: print('none', end=' ')
may_end = threading.Event()
threads = [threading.Thread(target=may_end.wait) for _ in range(8)]
for thread in threads: thread.start()
may_end.set()
print(resource.getrlimit(resource.RLIMIT_AS))"""


async def test_memory_beyond_the_address_space_is_refused(url: str) -> None:
    """The program goes on, and its threads have room. The warm runtime is used from the second run on."""
    limits = {"address_space_bytes": 1_024_000_000}
    (test,) = await run_call.tests(url, "c", {"main.c": _ALLOCATES}, limits=limits)
    assert (test.verdict, test.stdout) == (Verdict.OK, "none\n")
    for _ in range(3):
        (test,) = await run_call.tests(url, "py", {"main.py": _CATCHES}, limits=limits)
        assert (test.verdict, test.stdout, test.stderr) == (Verdict.OK, "none (1024000000, 1024000000)\n", "")


@pytest.mark.parametrize("code", ["bash", "c", "java", "js", "py"])
async def test_too_little_address_space_is_the_programs_fault(code: str, url: str) -> None:
    need_language(code)
    files = {f"main.{code}": known()[code].sample}
    (test,) = await run_call.tests(url, code, files, limits={"address_space_bytes": 1})
    assert test.verdict in {Verdict.OK, Verdict.RUNTIME_ERROR, Verdict.MEMORY_LIMIT}


@pytest.mark.parametrize(
    ("code", "words", "source", "printed"),
    [
        ("py", ["-c", "import sys; print(sys.argv)"], "print(1)", "['-c', 'main.py', 'a b']\n"),
        ("py", ["-X", "utf8=0", "-O"], "assert False\nprint(__file__)", "/box/work/main.py\n"),
        ("js", ["--use_strict"], "console.log(process.execArgv.at(-1))", "--use_strict\n"),
        ("bash", ["-e"], "echo $-; false; echo 1", "ehB\n"),
        ("java", ["-Xmx200m", "-ea"], _ASSERTS, "true true\n"),
    ],
)
async def test_words_reach_the_interpreter(code: str, words: list[str], source: str, printed: str, url: str) -> None:
    need_language(code)
    files = {f"main.{code}": source}
    (test,) = await run_call.tests(url, code, files, interpreter_args=words, tests=[{"args": ["a b"]}])
    assert test.stdout == printed, test


_WRITES_A_FILE: Final = {
    "py": "import os; os.umask(0o77); open('out/a', 'wb').write(b'\\xff')",
    "js": "const fs = require('fs'); fs.writeFileSync('out/a', Buffer.from([255]), {mode: 0o600})",
    "c": '#include <stdio.h>\nint main(void) { putc(255, fopen("out/a", "w")); }',
    "java": "import java.nio.file.*; class Main { public static void main(String[] args) throws Exception {"
    ' Files.write(Path.of("out/a"), new byte[] {(byte) 255}); } }',
}


@pytest.mark.parametrize("code", ["c", "py", *(pytest.param(code, marks=pytest.mark.slow) for code in ("java", "js"))])
async def test_files_in_the_out_folder_come_back(code: str, url: str) -> None:
    """The second time, a runtime or compiler may stand ready. Without the key, there are none."""
    need_language(code)
    files = {f"main.{known()[code].extensions[0]}": _WRITES_A_FILE[code]}
    for _ in range(2):
        (test,) = await run_call.tests(url, code, files, artifacts=True)
        assert test.error == ""
        assert [(one.name, one.content) for one in test.artifacts or ()] == [("a", b"\xff")]
    (test,) = await run_call.tests(url, code, files)
    assert test.artifacts is None


@pytest.mark.parametrize("code", ["py", "c"])
async def test_live_output_comes_before_the_program_ends(code: str, url: str) -> None:
    need_language(code)
    endless = {
        "py": "import sys\nprint('e', end='', file=sys.stderr, flush=True)\nprint('é', flush=True)\nwhile True: pass",
        "c": '#include <stdio.h>\nint main() { fputs("e", stderr); puts("é"); fflush(stdout); for (;;); }',
    }
    written = {"stdout": "", "stderr": ""}
    async for event in run_call.stream(url, code, {f"main.{code}": endless[code]}, live_output=True):
        if isinstance(event, Output):
            written[event.stream] += event.text
        if written == {"stdout": "é\n", "stderr": "e"}:
            return
    raise AssertionError(written)


async def test_the_compiler_has_limits_of_its_request(url: str) -> None:
    bomb = "".join(f"#define A{n} A{n + 1} A{n + 1}\n" for n in range(40)) + "int A0;"
    found = await run_call.events(url, "c", {"main.c": bomb}, compile_limits={"cpu_s": 0.3})
    compiled = found[1]
    assert isinstance(compiled, Compiled)
    assert (compiled.verdict, compiled.stopped) == (Verdict.COMPILE_ERROR, Stop.CPU)


async def test_a_lower_stack_and_smaller_files(url: str) -> None:
    source = "int f(int n) { volatile char a[1024]; a[0] = n; return n ? f(n - 1) + a[0] : 0; }\n"
    source += "int main(void) { return f(20000) & 0; }"
    deep = {"main.c": source}
    (low,) = await run_call.tests(url, "c", deep, compiler_args=["-O0"], stack_bytes=4 << 20)
    (usual,) = await run_call.tests(url, "c", deep, compiler_args=["-O0"])
    assert (low.signal, usual.verdict) == (11, Verdict.OK)
    writer = {"main.py": "open('f', 'w').write('x' * 200_000)"}
    (small,) = await run_call.tests(url, "py", writer, file_bytes=100_000)
    (large,) = await run_call.tests(url, "py", writer, file_bytes=300_000)
    assert (small.exit_code, large.verdict) == (1, Verdict.OK)


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)"])
async def test_named_files_come_back(end: str, url: str) -> None:
    source = f"open('a.txt', 'w').write('1'); open('/tmp/b', 'wb').write(bytes([255]))\n{end}"
    paths = ["/tmp/b", "gone", "data/c", "a.txt"]
    (test,) = await run_call.tests(url, "py", {"main.py": source, "data/c": "3"}, fetch=paths)
    assert [(file.path, file.content) for file in test.fetched] == [
        ("/tmp/b", b"\xff"),
        ("data/c", b"3"),
        ("a.txt", b"1"),
    ]


async def test_standard_error_can_join_standard_output(url: str) -> None:
    for code, source in {
        "py": "import sys; print('a', flush=True); print('b', file=sys.stderr, flush=True); print('c')",
        "bash": "echo a; echo b >&2; echo c",
    }.items():
        (test,) = await run_call.tests(url, code, {f"main.{code}": source}, merge_output=True)
        assert (test.stdout, test.stderr) == ("a\nb\nc\n", "")


async def test_repeated_tests_have_fresh_boxes_and_an_end(url: str) -> None:
    source = "import os, sys\nprint(input(), os.path.exists('x'))\nopen('x', 'w')\nsys.exit(len(sys.argv) - 1)"
    ended = await run_call.tests(url, "py", {"main.py": source}, tests=[{"stdin": "7"}], repeat=3)
    assert [(test.number, test.stdout) for test in ended] == [(number, "7 False\n") for number in (1, 2, 3)]
    failing = [{"stdin": "7", "args": ["x"]}]
    ended = await run_call.tests(url, "py", {"main.py": source}, tests=failing, repeat=3, stop_at_first_failure=True)
    assert [test.exit_code for test in ended] == [1]
