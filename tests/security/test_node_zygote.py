"""Node programs are forked from one Node. What each has got of it is its own, and what could not be is refused."""

import asyncio
import os
import re
import sys

import pytest

from executor.catalogue import ENVIRONMENT
from executor.languages import known
from executor.languages.base import command
from executor.sandbox.base import PRELOAD, File, Job, Step, StepLimits, StepResult, Template, Zygote
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.init import build
from executor.sandbox.keeper import channel

pytestmark = pytest.mark.security

_LIMITS = StepLimits(
    cpu_s=10, wall_s=60, memory_bytes=512 << 20, processes=64, open_files=64, file_bytes=1 << 20, stack_bytes=8 << 20
)
_TOOLS = known()["js"].toolchain()
_TIMEOUT_S = 30

needs_node = pytest.mark.skipif(_TOOLS is None, reason="Node is not on this machine")


async def _run(sandbox: BubblewrapSandbox, *sources: str) -> list[StepResult]:
    """At the same time, each in its box; all are of one zygote."""
    values = {**(_TOOLS or {}), "memory_mib": "256", "preload": PRELOAD, "source": "main.js"}
    argv = command(known()["js"].zygote, values)
    template = Template(8 << 20, _LIMITS, zygote=Zygote(argv, ENVIRONMENT))
    step = Step(("node",), ENVIRONMENT, _LIMITS, 65536)
    jobs = [Job({"main.js": File(source.encode())}, (step,), template) for source in sources]
    return [ended for (ended,) in await asyncio.gather(*map(sandbox.run, jobs))]


def _lines(ended: StepResult) -> list[str]:
    assert (ended.exit_code, ended.stderr) == (0, b"")
    return ended.stdout.decode().splitlines()


@needs_node
async def test_no_two_draw_the_same_random_numbers(sandbox: BubblewrapSandbox) -> None:
    draw = """
    const crypto = require('crypto')
    console.log(`${Math.random()}\\n${crypto.randomUUID()}\\n${crypto.randomInt(2 ** 47)}`)
    new (require('worker_threads').Worker)('console.log(Math.random())', { eval: true })
    """
    drawn = [line for ended in await _run(sandbox, draw, draw, draw) for line in _lines(ended)]
    assert len(set(drawn)) == 3 * 4


@needs_node
async def test_what_one_does_to_its_event_loop_no_other_feels(sandbox: BubblewrapSandbox) -> None:
    """libuv keeps a byte in a pipe to lock its signal handling: who reads it in a pipe of all stops all."""
    spoil = """
    const fs = require('fs')
    for (const fd of fs.readdirSync('/proc/self/fd').map(Number).filter((fd) => fd > 2)) {
      try { fs.writeSync(fd, Buffer.from([255, 0, 0, 0, 0, 0, 0, 0])) } catch {}
      try {
        const own = fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
        fs.readSync(own, Buffer.alloc(4096))
      } catch {}
    }
    fs.writeSync(1, 'spoilt\\n')
    process.kill(process.pid, 'SIGKILL')
    """
    works = """
    process.on('SIGUSR2', () => { console.log('signal'); clearInterval(waiting) })
    const waiting = setInterval(() => {}, 1000)
    setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 100)
    require('child_process').exec('echo child', (error, output) => console.log(output.trim()))
    """
    *spoilers, before = await _run(sandbox, spoil, spoil, works)
    (after,) = await _run(sandbox, works)
    assert [ended.stdout for ended in spoilers] == [b"spoilt\n"] * 2
    assert sorted(_lines(before)) == sorted(_lines(after)) == ["child", "signal"]


@needs_node
async def test_no_two_have_a_pipe_in_common(sandbox: BubblewrapSandbox) -> None:
    look = """
    const fs = require('fs')
    for (const fd of fs.readdirSync('/proc/self/fd')) {
      try { console.log(fs.readlinkSync(`/proc/self/fd/${fd}`)) } catch {}
    }
    """
    pipes = [
        {line for line in _lines(ended) if re.fullmatch(r"pipe:\[\d+\]", line)}
        for ended in await _run(sandbox, look, look)
    ]
    assert all(pipes)
    assert not pipes[0] & pipes[1]


@needs_node
async def test_no_event_loop_hears_of_the_zygotes(sandbox: BubblewrapSandbox) -> None:
    """In an epoll that is the zygote's too, each number would be watched twice: as the zygote has it, and as here."""
    look = r"""
    const fs = require('fs')
    for (const fd of fs.readdirSync('/proc/self/fdinfo')) {
      let info = ''
      try { info = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8') } catch {}
      const watched = info.match(/^tfd:\s+\d+/gm)
      if (watched) console.log(watched.length, new Set(watched).size)
    }
    """
    counts = [line.split() for ended in await _run(sandbox, look) for line in _lines(ended)]
    assert counts
    assert all(watched == numbers for watched, numbers in counts)


@needs_node
async def test_no_open_file_is_anothers_too(sandbox: BubblewrapSandbox) -> None:
    """Flags are those of what is open, not of a descriptor: whoever shares it sees them change."""
    mark = r"""
    const fs = require('fs')
    const flags = fs.readdirSync('/proc/self/fdinfo').filter((fd) => fd > 2).map((fd) => {
      try { return fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:\\s+(\\d+)/)[1] } catch { return 0 }
    })
    console.log(flags.filter((flag) => parseInt(flag, 8) & fs.constants.O_APPEND).length)
    const isOpen = (fd) => fd > 2 && fs.existsSync(`/proc/self/fd/${fd}`)
    const inherit = Array.from({ length: 32 }, (_, fd) => (isOpen(fd) ? fd : 'ignore'))
    const append = `import fcntl, os
for fd in range(3, 32):
    try: fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    except OSError: pass`
    require('child_process').spawnSync('/usr/bin/python3', ['-c', append], { stdio: inherit })
    """
    for _ in range(2):
        (ended,) = await _run(sandbox, mark)
        assert _lines(ended) == ["0"]


_HOST = """
import ctypes, mmap, os, socket, sys, threading, time
{setup}
library = ctypes.CDLL(sys.argv[1])
library.napi_register_module_v1(None, None)
"""


@pytest.mark.parametrize(
    ("setup", "refusal"),
    [
        ("kept = mmap.mmap(-1, 4096)", "memory that is shared: Operation not supported"),
        ("kept = os.pipe(); os.close(kept[0])", r"pipe:\[\d+\]: Operation not supported"),
        ("kept = socket.socket()", r"socket:\[\d+\]: Operation not supported"),
        ("kept = os.memfd_create('kept')", r"/memfd:kept \(deleted\): Operation not supported"),
        (
            "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(130)]",
            "so many threads: Operation not supported",
        ),
    ],
)
def test_a_runtime_with_what_cannot_be_given_to_each_is_refused(setup: str, refusal: str) -> None:
    ours, theirs = channel.pair()
    ours.settimeout(_TIMEOUT_S)
    with ours:
        argv = [sys.executable, "-c", _HOST.format(setup=setup), str(build.find_compiled().library)]
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
        process = os.posix_spawn(argv[0], argv, {}, file_actions=actions)
        theirs.close()
        assert re.fullmatch(refusal, ours.recv(1024).decode())
        os.waitpid(process, 0)
