"""What comes back from a box: regular files from the folder `out` of a program, and everything from a compiler."""

import os
import stat
from dataclasses import replace
from typing import Any

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.sandbox.base import (
    MAX_COMPILED_FILES,
    Job,
    JudgeJob,
    LeftOut,
    OutFolder,
    OutLimits,
    Step,
    StepLimits,
    StepResult,
    Template,
    WorkFile,
    all_files,
    find_python,
)
from executor.sandbox.bubblewrap import BubblewrapSandbox
from tests.fixtures.step_limits import SMALL

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_LIMITS = OutLimits(files=4, bytes=1000)
_GIVEN = {"out/given": WorkFile(b"given")}


@pytest.fixture
def sandbox(lasting_sandbox: BubblewrapSandbox) -> BubblewrapSandbox:
    return lasting_sandbox


def _step(source: str, limits: StepLimits = SMALL) -> Step:
    source = f"import os, socket\n{source}"
    return Step((find_python(), "-c", source), ENVIRONMENT, limits, 65536)


async def _run(sandbox: BubblewrapSandbox, source: str, files: dict[str, WorkFile] | None = None) -> StepResult:
    files = _GIVEN if files is None else files
    return await sandbox.run(Job(files, _step(source), Template(16 << 20, SMALL), _LIMITS))


@pytest.mark.parametrize(
    ("source", "files"),
    [
        (
            "open('out/b', 'wb').write(bytes(range(256))); open('out/a', 'w'); open('out/é', 'w').write('1')",
            [("a", b""), ("b", bytes(range(256))), ("given", b"given"), ("é", b"1")],
        ),
        ("raise SystemExit(3)", [("given", b"given")]),
        ("os.kill(os.getpid(), 11)", [("given", b"given")]),
        # It is read with the rights of the program, whose user is not that of process 1 if the executor is root.
        (
            "os.umask(0o77); open('out/x', 'w').write('mine'); os.chmod('out', 0o700)",
            [("given", b"given"), ("x", b"mine")],
        ),
        ("os.link('out/given', 'out/x'); os.unlink('out/given')", [("x", b"given")]),
    ],
    ids=["in the order of names", "after a failure", "after a signal", "a private file", "a hard link"],
)
async def test_files_come_back(sandbox: BubblewrapSandbox, source: str, files: list[tuple[str, bytes]]) -> None:
    result = await _run(sandbox, source)
    assert (list(result.out_folder.files.items()), result.out_folder.left_out) == (files, {})


async def test_the_folder_is_there_for_the_program(sandbox: BubblewrapSandbox) -> None:
    result = await _run(sandbox, "open('out/plot', 'w').write('x')", files={})
    assert result.out_folder == OutFolder({"plot": b"x"})


async def test_a_file_of_that_name_stays_a_file(sandbox: BubblewrapSandbox) -> None:
    result = await _run(sandbox, "print(open('out').read())", files={"out": WorkFile(b"a file")})
    assert (result.stdout, result.out_folder) == (b"a file\n", OutFolder())


async def test_without_the_folder_nothing_comes_back(sandbox: BubblewrapSandbox) -> None:
    assert (await _run(sandbox, "os.rmdir('out'); open('plot', 'w')", files={})).out_folder == OutFolder()


@pytest.mark.parametrize(
    ("source", "reason", "count"),
    [
        ("os.symlink('/etc/passwd', 'out/x')", LeftOut.NOT_A_FILE, 1),
        ("os.symlink('given', 'out/x')", LeftOut.NOT_A_FILE, 1),
        ("os.symlink('/proc/1/environ', 'out/x'); os.symlink('/dev/zero', 'out/y')", LeftOut.NOT_A_FILE, 2),
        ("os.chdir('out')\nfor _ in range(1000): os.mkdir('d'); os.chdir('d')", LeftOut.NOT_A_FILE, 1),
        ("os.mkfifo('out/x')", LeftOut.NOT_A_FILE, 1),
        ("os.mkfifo('out/x'); os.open('out/x', os.O_RDWR)", LeftOut.NOT_A_FILE, 1),
        ("os.mknod('out/x', 0o140755)", LeftOut.NOT_A_FILE, 1),
        ("socket.socket(socket.AF_UNIX).bind('out/x')", LeftOut.NOT_A_FILE, 1),
        ("open('out/x', 'w'); os.chmod('out/x', 0)", LeftOut.UNREADABLE, 1),
        ("open('out/x', 'w').write('x' * 996)", LeftOut.TOO_LARGE, 1),
        ("open('out/x', 'w'); os.truncate('out/x', 8 << 20)", LeftOut.TOO_LARGE, 1),
        ("[open(f'out/x{number}', 'w') for number in range(5)]", LeftOut.TOO_MANY, 2),
    ],
)
async def test_what_may_not_come_back_is_counted(
    sandbox: BubblewrapSandbox, source: str, reason: LeftOut, count: int
) -> None:
    """The given file comes back all the same."""
    result = await _run(sandbox, source)
    assert result.stderr == b""
    assert result.out_folder.files["given"] == b"given"
    assert result.out_folder.left_out == {reason: count}


async def test_a_hard_link_to_a_system_file_is_impossible(sandbox: BubblewrapSandbox) -> None:
    result = await _run(sandbox, "os.link('/etc/passwd', 'out/x')")
    assert b"OSError" in result.stderr or b"PermissionError" in result.stderr
    assert result.out_folder == OutFolder({"given": b"given"})


@pytest.mark.parametrize("target", ["/etc", *(pytest.param(other, marks=pytest.mark.slow) for other in ("/", "."))])
async def test_a_link_in_place_of_the_folder_is_not_followed(sandbox: BubblewrapSandbox, target: str) -> None:
    result = await _run(sandbox, f"os.rmdir('out'); os.symlink({target!r}, 'out')", files={})
    assert (result.stderr, result.out_folder) == (b"", OutFolder())


async def test_a_moved_work_folder_leads_nowhere(sandbox: BubblewrapSandbox) -> None:
    source = """
try:
    os.rename('/box/work', '/box/tmp/work')
    os.symlink('/etc', '/box/work')
except OSError:
    pass
"""
    assert set((await _run(sandbox, source)).out_folder.files) <= {"given"}


@pytest.mark.parametrize("names", [[b"\xff", b"a\nb", b"\x1b[31m", b"..\\..\\x"], [b"-rf", b"n" * 255]])
async def test_names_come_back_byte_for_byte(sandbox: BubblewrapSandbox, names: list[bytes]) -> None:
    """The pipeline leaves out those that cannot be shown."""
    result = await _run(
        sandbox, f"for name in {names!r}: open(b'out/' + name, 'w')", files={"out/given/x": WorkFile(b"")}
    )
    assert set(map(os.fsencode, result.out_folder.files)) == set(names)


async def test_very_many_files_are_counted(sandbox: BubblewrapSandbox) -> None:
    """There are 4,096 inodes for all files of this box, some of which it has used."""
    source = """
try:
    for number in range(100_000):
        os.mknod(f'out/{number:0250}')
except OSError:
    print(number)
"""
    result = await _run(sandbox, source)
    made = int(result.stdout)
    assert made > 3000
    assert len(result.out_folder.files) == _LIMITS.files
    assert result.out_folder.left_out == {LeftOut.TOO_MANY: made + 1 - _LIMITS.files}


async def test_no_process_is_left_to_change_a_file(sandbox: BubblewrapSandbox) -> None:
    """The first file always has the higher number. If a process were left, the last one, which is read a while after
    it, would have overtaken it."""
    source = """
readable, writable = os.pipe()
open('out/long', 'wb').write(bytes(32 << 20))
if os.fork() == 0:
    os.setsid()
    for descriptor in (1, 2):
        os.close(descriptor)
    first, last = (os.open(f'out/{name}', os.O_RDWR | os.O_CREAT) for name in 'az')
    number = 0
    while True:
        number += 1
        for file in (first, last):
            os.pwrite(file, b'%20d' % number, 0)
        if number == 100:
            os.write(writable, b'!')
os.read(readable, 1)
"""
    limits, template = OutLimits(files=3, bytes=33 << 20), Template(40 << 20, SMALL)
    job = Job({"out/a": WorkFile(b"")}, _step(source, replace(SMALL, file_bytes=40 << 20)), template, out_limits=limits)
    result = await sandbox.run(job)
    files = result.out_folder.files
    assert 100 <= int(files["z"]) <= int(files["a"]) <= int(files["z"]) + 1


# Files that a request names.


async def _fetch(
    sandbox: BubblewrapSandbox, source: str, *paths: str, max_bytes: int = 1000
) -> tuple[dict[str, bytes], dict[LeftOut, int]]:
    limits = OutLimits(len(paths), max_bytes, paths=paths)
    job = Job({"in/given": WorkFile(b"given")}, _step(source), Template(16 << 20, SMALL), out_limits=limits)
    result = await sandbox.run(job)
    assert result.stderr == b""
    return result.out_folder.files, result.out_folder.left_out


async def test_named_files_come_back_in_the_order_of_the_request(sandbox: BubblewrapSandbox) -> None:
    source = "os.makedirs('a/b/c'); [open(path, 'w').write(path) for path in ('a/b/c/é', '-z', '/tmp/t')]"
    found, left_out = await _fetch(
        sandbox, source, "a/b/c/é", "/tmp/t", "in/given", "-z", "gone", "a/b/c/gone", "gone/a"
    )
    assert list(found.items()) == [
        ("a/b/c/é", "a/b/c/é".encode()), ("/tmp/t", b"/tmp/t"), ("in/given", b"given"), ("-z", b"-z"),
    ]  # fmt: skip
    assert left_out == {LeftOut.UNREADABLE: 3}


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("os.symlink('/proc/self/environ', 'x')", ["x"]),
        ("os.symlink('in/given', 'x')", ["x"]),
        ("os.symlink('/etc', 'x')", ["x/passwd", "x"]),
        ("os.symlink('in', 'x')", ["x/given"]),
        ("os.makedirs('a/b'); os.symlink('/', 'a/b/x')", ["a/b/x/etc/passwd"]),
        ("os.symlink('/proc', '/tmp/x')", ["/tmp/x/self/environ", "/tmp/x/1/environ"]),
        ("os.symlink('/etc/passwd', '/tmp/x')", ["/tmp/x"]),
        ("os.mkfifo('x'); os.mkfifo('y'); os.open('y', os.O_RDWR)", ["x", "y", "x/y"]),
        ("os.mknod('x', 0o140755); socket.socket(socket.AF_UNIX).bind('y')", ["x", "y"]),
        ("", ["in", "in/given/x", "tmp/x"]),
        ("open('x', 'w'); os.chmod('x', 0)", ["x"]),
        ("os.mkdir('x'); open('x/y', 'w'); os.chmod('x', 0)", ["x/y"]),
        ("open('x', 'w'); os.truncate('x', 8 << 20)", ["x"]),
        ("open('x', 'w').write('x' * 1001)", ["x"]),
        ("", [f"{'x' * 250}/{number}" for number in range(100)]),
        ("", ["x" * 300 + "/x", "x" * 300, "in/" * 1000 + "given"]),
    ],
)
async def test_what_was_named_and_may_not_come_back(sandbox: BubblewrapSandbox, source: str, paths: list[str]) -> None:
    found, left_out = await _fetch(sandbox, source, "in/given", *paths)
    assert found == {"in/given": b"given"}
    assert sum(left_out.values()) == len(paths)


async def test_named_files_fill_the_bytes_that_there_are(sandbox: BubblewrapSandbox) -> None:
    source = "[open(name, 'w').write('x' * size) for name, size in (('a', 600), ('b', 500), ('c', 400), ('d', 1))]"
    found, left_out = await _fetch(sandbox, source, "a", "b", "c", "d")
    assert (list(found), left_out) == (["a", "c"], {LeftOut.TOO_LARGE: 2})


async def test_as_many_files_come_back_as_may_be_named(sandbox: BubblewrapSandbox) -> None:
    paths = [f"{'x' * 120}/{number:03}" for number in range(256)]
    source = "os.mkdir('x' * 120); [open('x' * 120 + f'/{number:03}', 'w').write(str(number)) for number in range(256)]"
    found, _ = await _fetch(sandbox, source, *paths)
    assert found == {path: str(number).encode() for number, path in enumerate(paths)}


async def test_a_moved_folder_with_named_files_leads_nowhere(sandbox: BubblewrapSandbox) -> None:
    source = """
for old, new in (('/box/work', '/box/tmp/work'), ('/box/tmp', '/box/shm/tmp')):
    try:
        os.rename(old, new)
        os.symlink('/etc', old)
    except OSError:
        pass
"""
    assert (await _fetch(sandbox, source, "passwd", "/tmp/passwd"))[0] == {}


# Compiled files.


async def _left_by(sandbox: BubblewrapSandbox, source: str, max_bytes: int = 1000) -> StepResult:
    files = {"given": WorkFile(b"given")}
    result = await sandbox.run(Job(files, _step(source), Template(32 << 20, SMALL), all_files(max_bytes)))
    assert result.stderr == b""
    return result


async def _compile(sandbox: BubblewrapSandbox, source: str, max_bytes: int = 1000) -> dict[str, WorkFile]:
    return (await _left_by(sandbox, source, max_bytes)).compiled_files


async def test_everything_in_the_work_folder_is_collected(sandbox: BubblewrapSandbox) -> None:
    """The next box gets the same."""
    source = """
open('main', 'w').write('program'), os.chmod('main', 0o6777), open('private', 'w').close(), os.chmod('private', 0o600)
os.makedirs('a/empty'), open('a/deep', 'w').write('deep'), open('given', 'a').write('!')
os.symlink('/etc', 'out'), os.symlink('../given', 'a/link')
"""
    collected = await _compile(sandbox, source)
    folder, link = stat.S_IFDIR, stat.S_IFLNK
    assert collected == {
        "given": WorkFile(b"given!"),
        "main": WorkFile(b"program", 0o755),
        "private": WorkFile(b"", 0o600),
        "a/": WorkFile(b"", folder),
        "a/empty/": WorkFile(b"", folder),
        "a/deep": WorkFile(b"deep"),
        "a/link": WorkFile(b"../given", link),
        "out": WorkFile(b"/etc", link),
    }
    again = await sandbox.run(Job(collected, _step(""), Template(16 << 20, SMALL), all_files(1000)))
    assert again.compiled_files == collected


async def test_links_lead_process_1_nowhere(sandbox: BubblewrapSandbox) -> None:
    """It makes them after the files, and gives them and not their targets to the program."""
    link, target = stat.S_IFLNK, "/box/given"
    files = {"out": WorkFile(target.encode(), link), "x": WorkFile(b"../given/input", link), "y": WorkFile(b"own")}
    source = f"print(*(os.stat(path).st_uid == os.getuid() for path in ({target!r}, 'y', '{target}/input')))"
    job = Job(files, _step(source), Template(16 << 20, SMALL), _LIMITS, {"input": b"in"})
    result = await sandbox.run(job)
    own = not sandbox.mechanisms.own_users
    assert (result.stdout.decode().split(), result.out_folder.files) == ([str(own), "True", str(own)], {})


async def test_as_many_files_are_collected_as_a_box_may_get(sandbox: BubblewrapSandbox) -> None:
    source = "[open(f'{number}', 'w').write(str(number)[-1]) for number in range(3071)]"
    collected = await _compile(sandbox, source, 4000)
    assert len(collected) == MAX_COMPILED_FILES
    count = "print(len(os.listdir()), sum(open(name).read() == name[-1] for name in os.listdir()))"
    result = await sandbox.run(Job(collected, _step(count), Template(32 << 20, SMALL)))
    assert result.stdout == b"3072 3071\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("os.makedirs('/'.join('d' * 34)); open('d/' * 34 + 'main', 'w')", LeftOut.TOO_MANY),
        (
            "os.makedirs('d' * 200 + '/' + 'e' * 200); open('d' * 200 + '/' + 'e' * 200 + '/' + 'f' * 200, 'w')",
            LeftOut.TOO_MANY,
        ),
        ("socket.socket(socket.AF_UNIX).bind('main')", LeftOut.NOT_A_FILE),
        ("os.mkfifo('main')", LeftOut.NOT_A_FILE),
        ("os.mkfifo('main'); os.open('main', os.O_RDWR)", LeftOut.NOT_A_FILE),
        ("os.mknod('main', 0o140755)", LeftOut.NOT_A_FILE),
        ("open('main', 'w'); os.chmod('main', 0)", LeftOut.UNREADABLE),
        ("os.mkdir('main'); os.chmod('main', 0)", LeftOut.UNREADABLE),
        ("os.chmod('.', 0)", LeftOut.UNREADABLE),
        ("open('main', 'w').write('x' * 1001)", LeftOut.TOO_LARGE),
        ("[open(name, 'w').write('x' * 501) for name in ('main', 'other')]", LeftOut.TOO_LARGE),
        ("open('main', 'w'); os.truncate('main', 8 << 20)", LeftOut.TOO_LARGE),
        ("[open(f'{number}', 'w').close() for number in range(3072)]", LeftOut.TOO_MANY),
        ("[open('n' * 250 + str(number), 'w').close() for number in range(600)]", LeftOut.TOO_MANY),
    ],
)
async def test_nothing_is_collected_if_one_file_may_not_be(
    sandbox: BubblewrapSandbox, source: str, reason: LeftOut
) -> None:
    result = await _left_by(sandbox, f"open('innocent', 'w')\n{source}")
    assert (result.compiled_files, result.out_folder.left_out) == ({}, {reason: 1})


async def test_nothing_is_collected_from_a_failed_step(sandbox: BubblewrapSandbox) -> None:
    assert await _compile(sandbox, "open('main', 'w')\nraise SystemExit(1)") == {}


@pytest.mark.parametrize(("files", "code"), [({"main": WorkFile(b"no program", 0o755)}, 126), ({}, 127)])
async def test_a_file_that_cannot_be_executed_is_no_sandbox_failure(
    sandbox: BubblewrapSandbox, files: dict[str, WorkFile], code: int
) -> None:
    step = Step(("/box/work/main",), ENVIRONMENT, SMALL, 65536)
    result = await sandbox.run(Job(files, step, Template(16 << 20, SMALL)))
    assert (result.exit_code, result.stdout) == (code, b"")
    assert result.stderr.startswith(b"/box/work/main: ")


# What no box can take.

_LINK, _SMALL_DISK = stat.S_IFLNK, Template(1 << 20, SMALL)
_PAGES = {str(number): WorkFile(b"x" * 4097) for number in range(129)}
_FOLDERS = {f"{number}/" + "d/" * 126: WorkFile(b"", stat.S_IFDIR) for number in range(8)}
_LONG_NAMES = {f"{number:0250}": WorkFile(b"") for number in range(800)}


def _judged(job: Job, judge: Job) -> Job:
    return replace(job, judge=JudgeJob(judge, frozenset({42})))


def _job(files: dict[str, WorkFile], given: bytes = b"", **of_step: Any) -> Job:
    return Job(files, replace(_step("print('ran')"), **of_step), _SMALL_DISK, given={"input": given} if given else {})


@pytest.mark.parametrize(
    ("job", "fault", "ended"),
    [
        (_job(dict(list(_PAGES.items())[:128])), "", 0),
        (_job(_PAGES), "over 1 MiB", 126),
        (_job({"a": WorkFile(b"x" * (600 << 10))}, b"x" * (600 << 10)), "over 1 MiB", 126),
        (_job(dict(list(_FOLDERS.items())[:7])), "", 0),
        (_job(_FOLDERS), "too many", 126),
        (_job(dict(list(_LONG_NAMES.items())[:700])), "", 0),
        (_job(_LONG_NAMES), "too long", 126),
        (_job(_LONG_NAMES, merge_output=True), "too long", 126),
        (
            _job(dict(list(_LONG_NAMES.items())[:600]), environment={f"V{n}": "x" * 1000 for n in range(60)}),
            "too long",
            126,
        ),
        (_job({"main": WorkFile(b"", 0o755), "main/x": WorkFile(b"")}), "'main'", 126),
        (_job({"a/b": WorkFile(b"/tmp", _LINK), "a/b/x": WorkFile(b"")}), "'a/b'", 126),
        (_job({"a": WorkFile(b""), "a/": WorkFile(b"", stat.S_IFDIR)}), "'a'", 126),
    ],
)
async def test_what_no_box_can_take_is_no_failure_of_the_sandbox(
    sandbox: BubblewrapSandbox, job: Job, fault: str, ended: int
) -> None:
    """The files just below each bound are there."""
    result = await sandbox.run(job)
    output = (result.stdout + result.stderr).decode()
    assert (result.exit_code, result.signal, result.stopped) == (ended, None, None)
    assert fault in output if fault else output == "ran\n"
    assert bool(result.stderr) == (ended != 0 and not job.step.merge_output)


@pytest.mark.parametrize(("files", "judges"), [(_PAGES, {}), ({}, _PAGES), (_PAGES, _PAGES)])
async def test_a_pair_that_no_box_can_take_ends_by_the_fault_of_either(
    sandbox: BubblewrapSandbox, files: dict[str, WorkFile], judges: dict[str, WorkFile]
) -> None:
    result = await sandbox.run(_judged(_job(files), _job(judges)))
    assert result.judge
    assert (result.exit_code, result.judge.exit_code) == (126 if files else 0, 126 if judges else 42)


_CHANGE_WHAT_IS_GIVEN = """
def attempt(change, *arguments):
    try: change(*arguments)
    except OSError: return
    print(change.__name__, arguments)
given = '/box/given/input'
print(open(given).read(), os.listdir('/box/given'), os.listdir('/box/feedback'))
attempt(open, given, 'r+'), attempt(os.chmod, given, 0o666), attempt(os.truncate, given, 0), attempt(os.unlink, given)
attempt(os.rename, given, 'x'), attempt(os.rename, '/box/given', '/box/x'), attempt(open, '/box/given/x', 'w')
attempt(os.rename, '/box/feedback', '/box/x'), attempt(open, '/box/x', 'w')
open('/box/feedback/x', 'w').write('written')
"""


async def test_what_a_program_is_given_stays_as_it_is(sandbox: BubblewrapSandbox) -> None:
    if not sandbox.mechanisms.own_users:
        pytest.skip("programs share the executor's user, which owns the files")
    limits = replace(_LIMITS, folder="/box/feedback")
    job = Job({}, _step(_CHANGE_WHAT_IS_GIVEN), Template(16 << 20, SMALL), limits, {"input": b"in"})
    result = await sandbox.run(job)
    assert (result.stdout, result.stderr) == (b"in ['input'] []\n", b"")
    assert result.out_folder == OutFolder({"x": b"written"})
