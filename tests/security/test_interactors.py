"""Interactors of senders, from the request to the verdict: what each side may do to the other, and who is at fault."""

import secrets
from typing import Any, Final

import pytest

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import TestEnded
from tests.fixtures import run_call
from tests.fixtures.executor import RunningExecutor
from tests.fixtures.processes import processes_named
from tests.security.host import LEAVE_SLEEPER
from tests.waiting import eventually

pytestmark = pytest.mark.security

_KATTIS: Final = """
import os, sys, time
lines = iter(lambda: (sys.stdin.readline() or end(43, 'no more guesses')).strip(), None)
def say(text):
    print(text, flush=True)
def end(code, message=''):
    open(sys.argv[3] + 'judgemessage.txt', 'w').write(message)
    os._exit(code)
"""
#: Accepts a program that finds the number of the input in eight guesses.
_GUESSING: Final = """
secret = int(open(sys.argv[1]).read())
for _, guess in zip(range(8), lines):
    if int(guess) == secret:
        say('right')
        end(42, 'found')
    say('more' if int(guess) < secret else 'less')
end(43, 'too many guesses')
"""


def _interactor(source: str, **fields: Any) -> dict[str, Any]:
    return {"language": "py", "files": run_call.as_files({"judge.py": source}), **fields}


async def _played(engine: RunningExecutor, program: str, interactor: str, **fields: Any) -> TestEnded:
    """Return how a test of one program and one interactor of Kattis's protocol ended."""
    (test,) = await run_call.tests(
        engine.url,
        "py",
        {"main.py": f"import os, sys, time\n{program}"},
        interactor=_interactor(_KATTIS + interactor, limits=fields.pop("judge_limits", {})),
        limits={"wall_s": 60, **fields.pop("limits", {})},
        **fields,
    )
    return test


@pytest.mark.parametrize(
    ("program", "interactor", "verdict", "message"),
    [
        ("while True: print(1, flush=True); assert input() != 'right'", _GUESSING, "wrong_answer", "too many guesses"),
        ("print(100, flush=True); input()", _GUESSING, "wrong_answer", "no more guesses"),
        ("print('ten', flush=True)", _GUESSING, "judge_error", None),
        ("print(100, flush=True); input(); sys.exit(3)", _GUESSING, "runtime_error", "no more guesses"),
        ("while True: pass", _GUESSING, "time_limit", "no more guesses"),
        ("print(200, flush=True); input(); sys.exit(3)", _GUESSING, "runtime_error", "found"),
        ("sys.stdin.read(); sys.exit(3)", "end(43, 'at once')", "wrong_answer", "at once"),
        ("sys.stdin.read(); sys.exit(3)", "end(42, 'at once')", "runtime_error", "at once"),
        ("while True: pass", "end(43, 'at once')", "wrong_answer", "at once"),
        ("pass", "sys.stdin.read(); end(42)", "accepted", None),
    ],
)
async def test_verdict(
    engine: RunningExecutor, program: str, interactor: str, verdict: str, message: str | None
) -> None:
    test = await _played(engine, program, interactor, tests=[{"stdin": "200"}], limits={"cpu_s": 0.5})
    assert test.verdict == verdict
    if verdict != "judge_error":
        assert test.judge_message == message


@pytest.mark.parametrize(
    ("interactor", "message"),
    [
        ("end(0)", "ended with code 0"),
        ("os.kill(os.getpid(), 11)", "signal 11"),
        ("while True: pass", "stopped after 0.5 s of CPU time"),
        ("bytearray(1 << 30)", "Memory limit exceeded"),
        ("while True: os.write(2, bytes(65536))", "wrote more than 100000 bytes"),
        ("open(sys.argv[3] + 'x', 'wb').write(bytes(100_001)); end(42)", "wrote more than 100000 bytes"),
    ],
)
async def test_an_interactor_that_fails_is_at_fault(engine: RunningExecutor, interactor: str, message: str) -> None:
    limits = {"cpu_s": 0.5, "memory_bytes": 256 << 20, "output_bytes": 100_000}
    test = await _played(engine, "input()", interactor, judge_limits=limits)
    assert (test.verdict, test.error, test.message, test.points_awarded) == (Verdict.JUDGE_ERROR, "", None, None)
    assert message in str(test.judge_message)


@pytest.mark.parametrize(
    ("interactor_exit", "program_exit", "wrote", "verdict"),
    [
        (0, 0, "open(sys.argv[2], 'w').write('A')", "accepted"),
        (0, 0, "open(sys.argv[2], 'w').write('B')", "wrong_answer"),
        (0, 0, "pass", "wrong_answer"),
        (1, 0, "open(sys.argv[2], 'w').write('A')", "wrong_answer"),
        (0, 9, "open(sys.argv[2], 'w').write('A')", "runtime_error"),
        (0, 0, "os.symlink(sys.argv[3], sys.argv[2])", "wrong_answer"),
    ],
)
async def test_testlib_with_a_checker(
    engine: RunningExecutor, interactor_exit: int, program_exit: int, wrote: str, verdict: str
) -> None:
    """The checker reads what the interactor has written, and only if both have ended well."""
    interactor = _interactor(
        f"import os, sys; sys.stdin.read(); {wrote}; sys.exit({interactor_exit})", protocol="testlib"
    )
    checker = "import sys; sys.exit(open(sys.argv[2]).read() != open(sys.argv[3]).read())"
    (test,) = await run_call.tests(
        engine.url,
        "py",
        {"main.py": f"raise SystemExit({program_exit})"},
        interactor=interactor,
        checker={"kind": "program", "program": _interactor(checker, protocol="testlib")},
        tests=[{"expected_output": "A"}],
    )
    assert test.verdict == verdict


async def test_a_program_finds_nothing_of_the_judge(engine: RunningExecutor) -> None:
    """Neither the input nor the answer nor the source of the judge is in its box. Its own file is."""
    secret = f"SECRET-{secrets.token_hex(16)}"
    search = """
pattern, found = b'SECR' + b'ET-', []
for folder in ('/box', '/tmp', '/dev/shm', '/proc/self/fd', '/proc'):
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            try:
                if os.path.isfile(path) and pattern in open(path, 'rb').read(1 << 20):
                    found.append(path)
            except (OSError, ValueError): pass
sys.exit(found != ['/box/work/own'])
"""
    interactor = f"# {secret}\nsys.stdin.read(); end(42)"
    own = run_call.as_files({"own": secret})
    test = await _played(engine, search, interactor, tests=[{"stdin": secret, "expected_output": secret, "files": own}])
    assert test.verdict is Verdict.ACCEPTED, test


async def test_processes_left_behind_are_dead(engine: RunningExecutor) -> None:
    mark = f"left-{secrets.token_hex(8)}"
    leave = LEAVE_SLEEPER.format(mark=mark)
    test = await _played(engine, leave, f"{leave}sys.stdin.read(); end(42)")
    assert test.verdict is Verdict.ACCEPTED
    await eventually(lambda: not processes_named(mark))
