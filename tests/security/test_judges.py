"""Attacks by a judge, and on one: a sender may be hostile as the author of a program, of its checker, or of both."""

import secrets
from typing import Any, Final

import pytest

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import JudgeFailed, TestEnded
from tests.fixtures import run_call
from tests.fixtures.executor import RunningExecutor
from tests.fixtures.memory_group import forget_peak_memory, peak_memory

pytestmark = pytest.mark.security

_PRINT_OK: Final = {"main.py": "print('ok')"}
#: Finds every regular file that a process may read in its box, and prints where it finds the secret of a sender.
_SEARCH: Final = r"""
import os, re, sys
pattern = re.compile(b'SECR' + b'ET-[0-9a-f]{32}')
def search(report):
    for folder in ('/box', '/tmp', '/dev/shm', '/proc/self/fd'):
        for where, _, names in os.walk(folder):
            for path in (os.path.join(where, name) for name in names):
                try:
                    if os.path.isfile(path) and (found := pattern.findall(open(path, 'rb').read(1 << 24))):
                        report(path, found)
                except (OSError, ValueError): pass
"""


async def _judged(
    engine: RunningExecutor, judge: str, program: dict[str, str] | None = None, **fields: Any
) -> list[TestEnded]:
    checker = {"language": "py", "files": run_call.as_files({"judge.py": judge}), **fields.pop("checker", {})}
    return await run_call.tests(
        engine.url, "py", program or _PRINT_OK, checker={"kind": "program", "program": checker}, **fields
    )


async def _is_served(engine: RunningExecutor) -> None:
    """A right judge still accepts in the only slot."""
    (test,) = await _judged(engine, "import sys; sys.exit(42)")
    assert test.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("judge", "limits", "says"),
    [
        ("while True: pass", {"cpu_s": 0.5}, "Time limit exceeded: stopped after 0.5 s of CPU time."),
        ("import time; time.sleep(60)", {"wall_s": 1.0}, "Time limit exceeded: stopped after 1 s."),
        ("x = bytearray(1 << 30)", {"memory_bytes": 64 << 20}, "Memory"),
        ("while True: print('x' * 9999)", {}, "more than 8388608 bytes of output and feedback."),
        ("import sys\nwhile True: sys.stderr.write('x' * 9999)", {}, "more than 8388608 bytes"),
        (
            "import sys\nfor n in range(300): open(f'{sys.argv[3]}{n}', 'wb').write(bytes(1 << 15))\nsys.exit(42)",
            {},
            "more than 8388608 bytes",
        ),
        ("import sys\nfor n in range(2000): open(f'{sys.argv[3]}{n}', 'w')\nsys.exit(42)", {}, "feedback files"),
        ("import os\nos.kill(os.getpid(), 9)", {}, "Killed by signal 9"),
        ("import os\ntry: os.kill(1, 9)\nexcept OSError: os.kill(-1, 9)", {}, ""),
        ("import os, sys\nwhile True:\n try: os.fork()\n except OSError: sys.exit(1)", {"cpu_s": 2.0}, ""),
    ],
)
async def test_a_judge_that_fails_is_no_fault_of_the_program(
    judge: str, limits: dict[str, Any], says: str, engine: RunningExecutor
) -> None:
    (test,) = await _judged(engine, judge, tests=[{}] * 3, checker={"limits": limits})
    assert (test.verdict, test.message, test.stdout, test.exit_code) == (Verdict.JUDGE_ERROR, None, "ok\n", 0)
    assert test.judge_message
    assert test.judge_message.startswith("The checker ")
    assert says in test.judge_message
    assert len(test.judge_message.encode()) <= 65536
    await _is_served(engine)


async def test_the_next_pass_has_room_for_feedback(engine: RunningExecutor) -> None:
    judge = """import os, sys
if not os.path.exists(sys.argv[3] + '0'):
    for name in (*range(190), 'nextpass.in'): open(f'{sys.argv[3]}{name}', 'w')
sys.exit(42)
"""
    (test,) = await _judged(engine, judge, passes=2)
    assert test.verdict is Verdict.ACCEPTED


_SEES: Final = f"""{_SEARCH}
found = []
search(lambda path, secrets: found.append((path, *sorted(set(secrets)))))
print(sorted(found), file=open(sys.argv[3] + 'judgemessage.txt', 'w'))
sys.exit(42)
"""


async def test_a_judge_reads_its_own_test_and_no_other(engine: RunningExecutor) -> None:
    marks = [f"SECRET-{secrets.token_hex(16)}" for _ in range(6)]
    source = f"{_SEARCH}\nfound = []\nsearch(lambda path, secrets: found.append(path))\nprint(sorted(found), input())"
    program = {"main.py": source, "x": marks[0]}
    tests = [{"stdin": stdin, "expected_output": answer} for stdin, answer in (marks[2:4], marks[4:6])]
    ended = await _judged(engine, f"{_SEES}# {marks[1]}", program, tests=tests, checker={"args": ["a"]})
    for test, (stdin, answer) in zip(ended, (marks[2:4], marks[4:6]), strict=True):
        # The program sees its own file and input, and nothing of the judge.
        assert test.stdout == f"['/box/work/x', '/proc/self/fd/0'] {stdin}\n"
        # The judge sees neither the program nor another test. The output, with the input, is its standard input.
        found = {
            "/box/given/answer": answer, "/box/given/input": stdin, "/box/work/judge.py": marks[1],
            "/proc/self/fd/0": stdin,
        }  # fmt: skip
        assert test.judge_message == str([(path, mark.encode()) for path, mark in found.items()])


_LEAVES: Final = """
import os, sys
found = []
for folder in ('/box/work', '/box/feedback', '/tmp', '/dev/shm'):
    found += os.listdir(folder)
    try: open(folder + '/left', 'w')
    except OSError: pass
    for name in os.listdir(folder):
        try: open(folder + '/' + name, 'a').write('#changed')
        except OSError: pass
open(sys.argv[3] + 'judgemessage.txt', 'w').write(f"{found} {open(sys.argv[0]).read().count('#changed' + chr(10))}")
sys.exit(42)
"""


async def test_nothing_of_a_judge_reaches_the_next_test(engine: RunningExecutor) -> None:
    ended = await _judged(engine, _LEAVES, tests=[{}] * 3)
    assert [test.judge_message for test in ended] == ["['judge.py'] 0"] * 3


async def test_what_a_judge_writes_takes_little_memory(engine: RunningExecutor) -> None:
    judge = """
import os, sys
piece = bytes(1 << 20)
for descriptor in (1, 2, os.open(sys.argv[3] + 'judgemessage.txt', os.O_CREAT | os.O_WRONLY)):
    for _ in range(20): os.write(descriptor, piece)
sys.exit(42)
"""
    await _is_served(engine)
    forget_peak_memory(engine.pid)
    before = peak_memory(engine.pid)
    (test,) = await _judged(engine, judge, checker={"limits": {"output_bytes": 64 << 20}})
    assert (test.verdict, len((test.judge_message or "").encode())) == (Verdict.ACCEPTED, 65535)
    assert peak_memory(engine.pid) - before < 10 << 20


async def test_output_reaches_a_judge_byte_for_byte(engine: RunningExecutor) -> None:
    program = {"main.py": "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4000)"}
    judge = "import sys; sys.exit(42 if sys.stdin.buffer.read() == bytes(range(256)) * 4000 else 43)"
    (test,) = await _judged(engine, judge, program)
    assert test.verdict is Verdict.ACCEPTED
    judge = "import sys; sys.exit(0 if open(sys.argv[2], 'rb').read() == bytes(range(256)) * 4000 else 1)"
    (test,) = await _judged(engine, judge, program, checker={"protocol": "testlib"})
    assert test.verdict is Verdict.ACCEPTED


async def test_a_judge_that_does_not_compile_is_told_and_ends_the_run(engine: RunningExecutor) -> None:
    program = {"kind": "program", "program": {"language": "c", "files": run_call.as_files({"j.c": "int main() {"})}}
    _, failed, finished = await run_call.events(engine.url, "py", _PRINT_OK, checker=program, tests=[{}] * 3)
    assert isinstance(failed, JudgeFailed)
    assert failed.judge_message.startswith("The checker does not compile.\nj.c: In function")
    assert finished.event == "finished"
