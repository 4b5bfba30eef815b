"""Two programs at the same time, each in its box: what the one leaves open, the other does not find."""

import asyncio
import socket

import pytest

from executor.catalogue import ENVIRONMENT
from executor.sandbox.base import File, Job, Step, StepLimits, Template, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox

pytestmark = pytest.mark.security

_LIMITS = StepLimits(
    cpu_s=5, wall_s=30, memory_bytes=256 << 20, processes=64, open_files=64, file_bytes=8 << 20, stack_bytes=8 << 20
)
_TEMPLATE = Template(16 << 20, _LIMITS)
_TIMEOUT_S = 30

#: System V's shared memory by way of ctypes: Python has none of it.
_COMMON = """
import ctypes, os, pty, socket
libc = ctypes.CDLL(None, use_errno=True)
KEY, IPC_CREAT, CREATE = 4711, 0o1000, 0o666
tcp, name = ("127.0.0.1", 4711), "\\0neighbour"
"""
_OPENS = f"""{_COMMON}
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
_LOOKS = f"""{_COMMON}
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
_NOTHING = """terminals []
shared memory -1 -1
/tmp False
/dev/shm False
/var/tmp False
/box/work False
processes []
"""


async def test_what_one_has_open_the_other_does_not_find(sandbox: BubblewrapSandbox) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        step = Step((find_python(), "main.py"), ENVIRONMENT, _LIMITS, 65536, stdin=theirs)
        opening = asyncio.create_task(sandbox.run(Job({"main.py": File(_OPENS.encode())}, (step,), _TEMPLATE)))
        loop = asyncio.get_running_loop()
        assert await asyncio.wait_for(loop.sock_recv(ours, 1), _TIMEOUT_S) == b"r"
        theirs.close()
        step = Step((find_python(), "main.py"), ENVIRONMENT, _LIMITS, 65536)
        (looked,) = await sandbox.run(Job({"main.py": File(_LOOKS.encode())}, (step,), _TEMPLATE))
        await loop.sock_sendall(ours, b".")
        (opened,) = await opening
    assert (opened.exit_code, opened.stderr) == (0, b"")
    assert (looked.stdout.decode(), looked.stderr) == (_NOTHING, b"")
