"""Node programs are forked from one Node, and share nothing with it. A Node that cannot be forked so is refused."""

import asyncio
import os
import re
import sys
from dataclasses import replace

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.languages import known
from executor.languages.base import command
from executor.sandbox.base import PRELOAD, Job, Step, StepResult, Template, WorkFile, Zygote
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.init import build
from executor.sandbox.keeper import channel
from tests.fixtures.step_limits import SMALL

pytestmark = pytest.mark.security

_LIMITS = replace(SMALL, memory_bytes=512 << 20)
_TOOLS = known()["js"].toolchain()
_TIMEOUT_S = 30

needs_node = pytest.mark.skipif(_TOOLS is None, reason="Node is not on this machine")


async def _run(sandbox: BubblewrapSandbox, *sources: str) -> list[StepResult]:
    """Run programs at the same time, forked from one zygote into a box each."""
    values = {**(_TOOLS or {}), "memory_mib": "256", "preload": PRELOAD, "source": "main.js"}
    warm = known()["js"].run.warm
    assert warm
    template = Template(8 << 20, _LIMITS, zygote=Zygote(command(warm.command, values), ENVIRONMENT))
    step = Step(("node", "main.js"), ENVIRONMENT, _LIMITS, 65536)
    jobs = [Job({"main.js": WorkFile(source.encode())}, step, template) for source in sources]
    return await asyncio.gather(*map(sandbox.run, jobs))


def _lines(result: StepResult) -> list[str]:
    assert (result.exit_code, result.stderr) == (0, b"")
    return result.stdout.decode().splitlines()


@needs_node
async def test_programs_draw_different_random_numbers(sandbox: BubblewrapSandbox) -> None:
    draw = """
    const crypto = require('crypto')
    console.log(`${Math.random()}\\n${crypto.randomUUID()}\\n${crypto.randomInt(2 ** 47)}`)
    new (require('worker_threads').Worker)('console.log(Math.random())', { eval: true })
    """
    numbers = [line for result in await _run(sandbox, draw, draw, draw) for line in _lines(result)]
    assert len(set(numbers)) == 3 * 4


@needs_node
async def test_a_program_cannot_disturb_anothers_event_loop(sandbox: BubblewrapSandbox) -> None:
    """libuv keeps a byte in a pipe as the lock of its signal handling. Reading it from a shared pipe would stop all."""
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
    assert [result.stdout for result in spoilers] == [b"spoilt\n"] * 2
    assert sorted(_lines(before)) == sorted(_lines(after)) == ["child", "signal"]


@needs_node
async def test_programs_share_no_pipe(sandbox: BubblewrapSandbox) -> None:
    look = """
    const fs = require('fs')
    for (const fd of fs.readdirSync('/proc/self/fd')) {
      try { console.log(fs.readlinkSync(`/proc/self/fd/${fd}`)) } catch {}
    }
    """
    pipes = [
        {line for line in _lines(result) if re.fullmatch(r"pipe:\[\d+\]", line)}
        for result in await _run(sandbox, look, look)
    ]
    assert all(pipes)
    assert not pipes[0] & pipes[1]


@needs_node
async def test_no_epoll_watches_the_zygotes_files(sandbox: BubblewrapSandbox) -> None:
    """An epoll shared with the zygote would watch each number twice: the zygote's file and the program's."""
    look = r"""
    const fs = require('fs')
    for (const fd of fs.readdirSync('/proc/self/fdinfo')) {
      let info = ''
      try { info = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8') } catch {}
      const watched = info.match(/^tfd:\s+\d+/gm)
      if (watched) console.log(watched.length, new Set(watched).size)
    }
    """
    counts = [line.split() for result in await _run(sandbox, look) for line in _lines(result)]
    assert counts
    assert all(watched == numbers for watched, numbers in counts)


@needs_node
async def test_programs_share_no_open_file(sandbox: BubblewrapSandbox) -> None:
    """Flags belong to the open file, not to a descriptor, so another process that shares it sees them change."""
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
        (result,) = await _run(sandbox, mark)
        assert _lines(result) == ["0"]


_HOST = """
import ctypes, mmap, os, socket, sys, threading, time
{setup}
library = ctypes.CDLL(sys.argv[1])
library.napi_register_module_v1(None, None)
"""


@pytest.mark.parametrize(
    ("setup", "refusal"),
    [
        ("kept = mmap.mmap(-1, 4096)", "shared memory: Operation not supported"),
        ("kept = os.pipe(); os.close(kept[0])", r"pipe:\[\d+\]: Operation not supported"),
        ("kept = socket.socket()", r"socket:\[\d+\]: Operation not supported"),
        ("kept = os.memfd_create('kept')", r"/memfd:kept \(deleted\): Operation not supported"),
        (
            "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(130)]",
            "too many threads: Operation not supported",
        ),
    ],
)
def test_a_runtime_that_shares_resources_is_refused(setup: str, refusal: str) -> None:
    ours, theirs = channel.pair()
    ours.settimeout(_TIMEOUT_S)
    with ours:
        argv = [sys.executable, "-c", _HOST.format(setup=setup), str(build.find_compiled(None).library)]
        actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
        process = os.posix_spawn(argv[0], argv, {}, file_actions=actions)
        theirs.close()
        assert re.fullmatch(refusal, ours.recv(1024).decode())
        os.waitpid(process, 0)
