"""A program and a judge that talks with it: what passes between their boxes, who ends whom, and whose clock runs."""

import asyncio
import errno
import os
from dataclasses import replace

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.sandbox.base import Job, JudgeJob, SandboxFailure, Step, StepResult, Template, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from tests.fixtures.processes import pids_below
from tests.fixtures.step_limits import SMALL
from tests.waiting import eventually

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_ACCEPTED, _WRONG = 42, 43


@pytest.fixture
def sandbox(lasting_sandbox: BubblewrapSandbox) -> BubblewrapSandbox:
    return lasting_sandbox


def _job(source: str, *, cpu_s: float = 10, wall_s: float = 60) -> Job:
    source = f"import os, sys, threading, time\n{source}"
    step = Step((find_python(), "-c", source), ENVIRONMENT, replace(SMALL, cpu_s=cpu_s, wall_s=wall_s), 65536)
    return Job({}, step, Template(16 << 20, SMALL))


async def _run_pair(sandbox: BubblewrapSandbox, job: Job) -> tuple[StepResult, StepResult]:
    played = await sandbox.run(job)
    assert played.judge
    return played, played.judge


async def _run(
    sandbox: BubblewrapSandbox, program: str, judge: str, *, wall_s: float = 60, judge_wall_s: float = 60
) -> tuple[StepResult, StepResult]:
    """Return how the program and the judge ended, which have both written nothing to standard error."""
    judging = JudgeJob(_job(judge, wall_s=judge_wall_s), frozenset({_ACCEPTED}))
    played, judged = await _run_pair(sandbox, replace(_job(program, wall_s=wall_s), judge=judging))
    assert (played.stderr, judged.stderr) == (b"", b"")
    return played, judged


def _ends(played: StepResult, judged: StepResult) -> tuple[int | str | None, int | str | None]:
    """Return the limit or the exit code by which each ended."""
    return played.stopped or played.exit_code, judged.stopped or judged.exit_code


async def test_lines_pass_in_both_directions(sandbox: BubblewrapSandbox) -> None:
    program = "for number in range(1000): print(number, flush=True); assert int(input()) == number * number"
    judge = "for number in range(1000): assert int(input()) == number; print(number * number, flush=True)\nsys.exit(42)"
    assert _ends(*await _run(sandbox, program, judge)) == (0, _ACCEPTED)


async def test_bytes_pass_unchanged_and_unbounded(sandbox: BubblewrapSandbox) -> None:
    """More than the memory limit of each passes in both directions at once."""
    common = """
block = bytes(range(256)) * 256
def send():
    for _ in range(4800):
        sys.stdout.buffer.write(block)
    sys.stdout.flush()
sender = threading.Thread(target=send)
sender.start()
for _ in range(4800):
    assert sys.stdin.buffer.read(65536) == block
sender.join()
"""
    program, judge = f"{common}assert sys.stdin.read() == ''", f"{common}sys.exit(42)"
    assert _ends(*await _run(sandbox, program, judge)) == (0, _ACCEPTED)


async def test_what_the_judge_writes_after_the_end_is_dropped(sandbox: BubblewrapSandbox) -> None:
    judge = "input()\nfor _ in range(1000): os.write(1, b'x' * 1000)\nassert sys.stdin.read() == ''; sys.exit(42)"
    assert _ends(*await _run(sandbox, "print('bye', flush=True)", judge)) == (0, _ACCEPTED)


async def test_what_the_judge_writes_to_a_closed_input_is_dropped(sandbox: BubblewrapSandbox) -> None:
    program = "os.close(0); print('bye', flush=True); time.sleep(60)"
    judge = "input()\nfor _ in range(1000): os.write(1, b'x' * 1000)\nsys.exit(43)"
    assert _ends(*await _run(sandbox, program, judge, wall_s=5)) == ("killed", _WRONG)


async def test_what_the_program_writes_after_the_end_is_dropped(sandbox: BubblewrapSandbox) -> None:
    """Neither one byte at a time nor much at once reaches anybody."""
    program = "input()\nfor _ in range(100_000): os.write(1, b'x')\nos.write(1, b'x' * 1_000_000)"
    assert _ends(*await _run(sandbox, program, "print('bye', flush=True); sys.exit(42)")) == (0, _ACCEPTED)


async def test_what_the_program_writes_to_a_closed_input_is_dropped(sandbox: BubblewrapSandbox) -> None:
    judge = "os.close(0); print('bye', flush=True); time.sleep(60)"
    ends = await _run(sandbox, "input(); os.write(1, b'x' * 1_000_000)", judge, wall_s=5, judge_wall_s=0.1)
    assert _ends(*ends) == (0, "wall")


async def test_what_was_written_before_the_end_still_arrives(sandbox: BubblewrapSandbox) -> None:
    program = "os.write(1, b'x' * 60_000); time.sleep(0.3); assert len(sys.stdin.read()) == 60_000"
    judge = "os.write(1, b'y' * 60_000); assert len(sys.stdin.read(60_000)) == 60_000; sys.exit(42)"
    assert _ends(*await _run(sandbox, program, judge)) == (0, _ACCEPTED)


async def test_the_end_of_the_program_ends_the_input_of_the_judge(sandbox: BubblewrapSandbox) -> None:
    """Processes that the program leaves are dead by then."""
    program = "print('bye', flush=True)\nif os.fork() == 0: time.sleep(100)"
    assert _ends(*await _run(sandbox, program, "assert sys.stdin.read() == 'bye\\n'; sys.exit(42)")) == (0, _ACCEPTED)


async def test_a_closed_output_of_the_program_does_not(sandbox: BubblewrapSandbox) -> None:
    program = "os.close(1); input(); time.sleep(0.5); sys.exit(3)"
    judge = """
start = time.monotonic()
print("go on", flush=True)
sys.stdin.read()
sys.exit(42 if time.monotonic() - start > 0.4 else 1)
"""
    assert _ends(*await _run(sandbox, program, judge)) == (3, _ACCEPTED)


async def test_a_closed_output_of_the_judge_does(sandbox: BubblewrapSandbox) -> None:
    program = "assert sys.stdin.read() == 'hi'; print('read')"
    judge = "os.write(1, b'hi'); os.close(1); assert sys.stdin.read() == 'read\\n'; sys.exit(42)"
    assert _ends(*await _run(sandbox, program, judge)) == (0, _ACCEPTED)


@pytest.mark.parametrize("left", ["", "if os.fork() == 0: time.sleep(100)\n"], ids=["alone", "with a process left"])
async def test_the_end_of_the_judge_is_known_before_it_matters(sandbox: BubblewrapSandbox, left: str) -> None:
    for _ in range(4):
        played, judged = await _run(sandbox, "sys.exit(sys.stdin.read() == '')", f"{left}sys.exit(42)")
        assert _ends(played, judged) == (1, _ACCEPTED)
        assert judged.ended_at < played.ended_at


async def test_a_slow_end_of_the_judge_is_known_before_it_matters(sandbox: BubblewrapSandbox) -> None:
    """The kernel closes its output, then frees a file for a long time, and only then has it ended.

    There are two such files, because kernels close descriptors in either order.
    """
    big = 64 << 20
    judge = f"""
os.close(0)
for name in "ab":
    assert os.open("/tmp/" + name, os.O_RDWR | os.O_CREAT) in (0, 3)
    os.unlink("/tmp/" + name)
for file in (0, 3):
    assert os.write(file, bytes({big})) == {big}
os._exit(42)
"""
    large = replace(SMALL, file_bytes=2 * big, memory_bytes=8 * big)
    judging = replace(_job(judge), template=Template(4 * big, large))
    judging = replace(judging, step=replace(judging.step, limits=large))
    program = replace(_job("os.read(0, 1); os._exit(3)"), judge=JudgeJob(judging, frozenset({_ACCEPTED})))
    for _ in range(3):
        played, judged = await _run_pair(sandbox, program)
        assert _ends(played, judged) == (3, _ACCEPTED), judged.stderr
        assert judged.ended_at < played.ended_at


async def test_the_end_of_the_program_is_known_before_it_matters(sandbox: BubblewrapSandbox) -> None:
    for _ in range(4):
        played, judged = await _run(sandbox, "sys.exit(3)", "sys.stdin.read(); sys.exit(43)")
        assert (played.exit_code, judged.exit_code) == (3, _WRONG)
        assert played.ended_at < judged.ended_at


@pytest.mark.parametrize("end", ["sys.exit(43)", "sys.exit(0)", "os.kill(os.getpid(), 9)"])
async def test_a_judge_that_does_not_accept_ends_the_program(sandbox: BubblewrapSandbox, end: str) -> None:
    played, judged = await _run(sandbox, "while True: pass", end)
    assert (played.stopped, judged.stopped) == ("killed", None)
    assert judged.ended_at < played.ended_at


async def test_a_program_may_go_on_after_a_judge_that_accepts(sandbox: BubblewrapSandbox) -> None:
    assert _ends(*await _run(sandbox, "sys.stdin.read(); time.sleep(0.3); sys.exit(5)", "sys.exit(42)")) == (5, 42)
    assert _ends(*await _run(sandbox, "sys.stdin.read(); time.sleep(9)", "sys.exit(42)", wall_s=0.5)) == ("wall", 42)


@pytest.mark.parametrize(
    ("program", "judge", "ends"),
    [
        ("input()", "input()", ("wall", "deadlock")),
        ("os.read(0, 1); os.write(2, b'noticed')", "input()", ("wall", "deadlock")),
        ("time.sleep(9)", "input()", ("wall", "deadlock")),
        ("while True: time.sleep(0.01); print(1, flush=True)", "while True: input()", ("wall", "deadlock")),
        ("os.write(1, bytes(1 << 20))", "os.write(1, bytes(1 << 20))", ("wall", "deadlock")),
        ("os.write(1, bytes(1 << 20))", "time.sleep(9)", ("wall", "hang")),
        ("print(1, flush=True); input()", "time.sleep(9)", ("wall", "hang")),
        ("print(1, flush=True); input()", "input(); input()", ("wall", "deadlock")),
    ],
    ids=[
        "both read",
        "would notice",
        "sleeps",
        "is read",
        "both write",
        "floods",
        "is not read",
        "is not answered",
    ],
)
async def test_both_are_stopped_when_the_program_has_waited_too_long(
    sandbox: BubblewrapSandbox, program: str, judge: str, ends: tuple[str, str]
) -> None:
    """Only a judge that leaves something unread hangs."""
    assert _ends(*await _run(sandbox, program, judge, wall_s=0.5, judge_wall_s=0.1)) == ends


async def test_the_judge_may_compute_on_nobodys_clock(sandbox: BubblewrapSandbox) -> None:
    judge = """
input()
while time.process_time() < 0.8:
    pass
print("go on", flush=True)
sys.exit(42)
"""
    played, judged = await _run(sandbox, "print(1, flush=True); input()", judge, wall_s=0.3)
    assert _ends(played, judged) == (0, _ACCEPTED)
    assert played.wall_s < 0.5
    assert _ends(*await _run(sandbox, "print(1, flush=True); time.sleep(9)", judge, wall_s=0.3)) == ("wall", 42)


async def test_the_clock_of_the_judge_starts_with_the_programs_end(sandbox: BubblewrapSandbox) -> None:
    """Until then it may wait as long as the program runs."""
    judge = "sys.stdin.read(); time.sleep({}); sys.exit(42)"
    for sleep_s, end in ((0, _ACCEPTED), (9, "wall")):
        ends = _ends(*await _run(sandbox, "time.sleep(0.8)", judge.format(sleep_s), judge_wall_s=0.5))
        assert ends == (0, end)


async def test_a_program_has_limits_of_its_own(sandbox: BubblewrapSandbox) -> None:
    judging = JudgeJob(_job("sys.stdin.read(); sys.exit(42)", cpu_s=0.5), frozenset({_ACCEPTED}))
    for program, stopped in (("while True: pass", "cpu"), ("bytearray(400 << 20)", "memory")):
        played, judged = await _run_pair(sandbox, replace(_job(program, cpu_s=0.5), judge=judging))
        assert _ends(played, judged) == (stopped, _ACCEPTED)


async def test_a_judge_has_limits_of_its_own(sandbox: BubblewrapSandbox) -> None:
    """The program ends with it, by its own fault if it is quick."""
    for judge, stopped in (
        ("while True: pass", "cpu"),
        ("bytearray(400 << 20)", "memory"),
        ("while True: os.write(2, bytes(65536))", "output"),
    ):
        judging = JudgeJob(_job(judge, cpu_s=0.5), frozenset({_ACCEPTED}))
        played, judged = await _run_pair(sandbox, replace(_job("input()", cpu_s=0.5), judge=judging))
        assert judged.stopped == stopped
        assert (played.stopped or played.exit_code) in ("killed", 1)


async def test_neither_pays_for_the_other(sandbox: BubblewrapSandbox) -> None:
    busy = "while time.process_time() < 0.5: pass"
    played, judged = await _run(sandbox, busy, "sys.stdin.read(); sys.exit(42)")
    assert played.cpu_s > 0.45 > 0.2 > judged.cpu_s
    played, judged = await _run(sandbox, "sys.stdin.read()", f"{busy}\nsys.exit(42)")
    assert judged.cpu_s > 0.45 > 0.2 > played.cpu_s


@pytest.mark.parametrize(("number", "written"), [(0, ""), (1, "forged\n")], ids=["standard input", "standard output"])
async def test_a_reopened_pipe_leads_only_to_oneself(sandbox: BubblewrapSandbox, number: int, written: str) -> None:
    """A program may open the other end of its own pipes by /proc, but not those of the judge."""
    program = f"""
try:
    os.write(os.open('/proc/self/fd/{number}', os.O_RDWR | os.O_NONBLOCK), b'forged\\n')
except PermissionError:  # it has a user of its own
    pass
time.sleep(0.2)
"""
    judge = f"sys.exit(42 if sys.stdin.read() in ('', {written!r}) else 43)"
    assert _ends(*await _run(sandbox, program, judge)) == (0, _ACCEPTED)


async def test_each_sees_only_its_own_processes_and_three_descriptors(sandbox: BubblewrapSandbox) -> None:
    look = """
pids = [name for name in os.listdir('/proc') if name.isdigit()]
assert len(pids) <= 2, pids
assert len(os.listdir('/proc/self/fd')) == 4
"""
    assert _ends(*await _run(sandbox, f"{look}input()", f"{look}print(1, flush=True); sys.exit(42)")) == (0, 42)


async def test_nothing_is_left_when_it_is_cancelled(sandbox: BubblewrapSandbox) -> None:
    await sandbox.start()
    before = set(pids_below(sandbox._link.keeper))
    running = asyncio.create_task(_run(sandbox, "time.sleep(60)", "time.sleep(60)"))
    await eventually(lambda: len(set(pids_below(sandbox._link.keeper)) - before) >= 4)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: not sandbox._boxes)


@pytest.mark.parametrize("broken", ["program", "judge"])
async def test_one_that_cannot_start_ends_both(sandbox: BubblewrapSandbox, broken: str) -> None:
    waits = _job("input()")
    absent = replace(waits, step=replace(waits.step, argv=("/nowhere/absent",)))
    program, judge = (absent, waits) if broken == "program" else (waits, absent)
    with pytest.raises(SandboxFailure, match="/nowhere/absent"):
        await asyncio.wait_for(sandbox.run(replace(program, judge=JudgeJob(judge, frozenset()))), 30)
    await eventually(lambda: not sandbox._boxes)


async def test_boxes_that_get_no_pipes_are_gone(sandbox: BubblewrapSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    await sandbox.start()
    await eventually(lambda: not sandbox._boxes)
    opened = len(os.listdir("/proc/self/fd"))
    real, left = os.pipe2, iter(range(3))

    def refuse_the_fourth(flags: int) -> tuple[int, int]:
        if next(left, None) is None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(flags)

    monkeypatch.setattr(os, "pipe2", refuse_the_fourth)
    with pytest.raises(SandboxFailure, match="no pipes for the program: Too many"):
        await _run(sandbox, "pass", "pass")
    await eventually(lambda: not sandbox._boxes)
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= opened)
