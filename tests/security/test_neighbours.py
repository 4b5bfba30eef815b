"""Two programs run at the same time, each in its box: one cannot find what the other has open."""

import asyncio
import socket

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.sandbox.base import Job, Step, Template, WorkFile, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from tests.fixtures.step_limits import SMALL

pytestmark = pytest.mark.security

_TEMPLATE = Template(16 << 20, SMALL)
_TIMEOUT_S = 30

#: Python has no functions for System V's shared memory, so these programs use ctypes.
_COMMON = """
import ctypes, os, pty, socket
libc = ctypes.CDLL(None, use_errno=True)
KEY, IPC_CREAT, CREATE = 4711, 0o1000, 0o666
tcp, name = ("127.0.0.1", 4711), "\\0neighbour"
"""
_HOLDER = f"""{_COMMON}
listeners = [socket.create_server(tcp), socket.socket(socket.AF_UNIX)]
listeners[1].bind(name)
listeners[1].listen()
pty.openpty()
libc.shmget(KEY, 4096, IPC_CREAT | CREATE)
libc.msgget(KEY, IPC_CREAT | CREATE)
for folder in ("/tmp", "/dev/shm", "/var/tmp", "/box/work"):
    open(f"{{folder}}/left-open", "w").write("secret")
os.write(0, b"r")
os.read(0, 1)
"""
_SEARCHER = f"""{_COMMON}
for family, address in ((socket.AF_INET, tcp), (socket.AF_UNIX, name)):
    with socket.socket(family) as client:
        if client.connect_ex(address) == 0:
            print("connected to", address)
print("terminals", sorted(set(os.listdir("/dev/pts")) - {{"ptmx"}}))
print("shared memory", libc.shmget(KEY, 0, 0), libc.msgget(KEY, 0))
for folder in ("/tmp", "/dev/shm", "/var/tmp", "/box/work"):
    print(folder, "left-open" in os.listdir(folder))
print("processes", sorted(pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()))
"""
_FOUND_NOTHING = """terminals []
shared memory -1 -1
/tmp False
/dev/shm False
/var/tmp False
/box/work False
processes []
"""


async def test_a_program_finds_nothing_of_its_neighbour(sandbox: BubblewrapSandbox) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        step = Step((find_python(), "main.py"), ENVIRONMENT, SMALL, 65536, stdin=theirs)
        holding = asyncio.create_task(sandbox.run(Job({"main.py": WorkFile(_HOLDER.encode())}, step, _TEMPLATE)))
        loop = asyncio.get_running_loop()
        assert await asyncio.wait_for(loop.sock_recv(ours, 1), _TIMEOUT_S) == b"r"
        theirs.close()
        step = Step((find_python(), "main.py"), ENVIRONMENT, SMALL, 65536)
        searcher = await sandbox.run(Job({"main.py": WorkFile(_SEARCHER.encode())}, step, _TEMPLATE))
        await loop.sock_sendall(ours, b".")
        holder = await holding
    assert (holder.exit_code, holder.stderr) == (0, b"")
    assert (searcher.stdout.decode(), searcher.stderr) == (_FOUND_NOTHING, b"")
