"""The host's side of the attack suite: what must not be touched, read, reached or left behind."""

import os
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures.processes import arguments, children, pids_below

#: A program that sleeps for a minute, in a process whose command line holds `{mark}`.
SLEEPER = "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'])"
#: Code that goes on when a process that it leaves behind has become `SLEEPER`: then the pipe's last writer is closed.
LEAVE_SLEEPER = f"""
import os, sys
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    exec({SLEEPER!r})
os.close(writer)
os.read(reader, 1)
"""
_SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_PLANTED = ("planted", "planted.d", "stolen", "left", "fill0", "mem", "disk", "deep", "hole")


class Host:
    """A canary file that every user may read, and listeners on loopback and in the abstract namespace."""

    def __init__(self, folder: Path) -> None:
        self.secret = secrets.token_hex(16)
        self.folder = folder
        self.canary = folder / "canary.h"
        self.canary.write_text(f'#error "{self.secret}"\n')
        self.canary.chmod(0o644)
        self.abstract = f"precieux-canary-{secrets.token_hex(8)}"
        self.contacts: list[str] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unix.bind("\0" + self.abstract)
        self._unix.listen()
        self._before = set(self._leftovers())
        for listener, accept in (
            (self._tcp, self._tcp.accept),
            (self._udp, lambda: self._udp.recv(100)),
            (self._unix, self._unix.accept),
        ):
            threading.Thread(target=self._listen, args=(listener, accept), daemon=True).start()

    def prepare(self, source: str, mark: str) -> str:
        """Return the source with the targets of the attack filled in."""
        for name, value in {
            "@CANARY@": str(self.canary),
            "@CANARY_DIR@": str(self.folder),
            "@CANARY_RELATIVE@": str(self.canary).lstrip("/"),
            "@PORT@": str(self.port),
            "@ABSTRACT@": self.abstract,
            "@MARK@": mark,
        }.items():
            source = source.replace(name, value)
        return source

    def damage(self) -> list[str]:
        """Return what the attacks have changed on this host."""
        found = [f"contacted: {contact}" for contact in self.contacts]
        if not self.canary.is_file() or self.secret not in self.canary.read_text():
            found.append("the canary was changed")
        if os.listdir(self.folder) != [self.canary.name]:
            found.append("something was planted beside the canary")
        return found + [f"left: {path}" for path in set(self._leftovers()) - self._before]

    def _leftovers(self) -> Iterator[str]:
        for folder in _SHARED_FOLDERS:
            for name in _PLANTED:
                if os.path.lexists(f"{folder}/{name}"):
                    yield f"{folder}/{name}"

    def _listen(self, listener: socket.socket, accept: object) -> None:
        assert callable(accept)
        while True:
            try:
                accept()
            except OSError:
                return
            self.contacts.append(str(listener.family))


@contextmanager
def host() -> Iterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="precieux-canary-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield Host(folder)
    finally:
        shutil.rmtree(folder)


def walls(executor: int) -> list[int]:
    """Return the bubblewrap processes that an executor has started itself.

    The tests' own process starts sandboxes, and may have whole executors as children.
    """
    return [child for child in children(executor) if "/box/keeper.pyz" in arguments(child)]


def keeper(executor: int) -> int:
    """Return the keeper, the process in the wall that makes boxes."""
    for wall in walls(executor):
        for pid in pids_below(wall):
            words = arguments(pid)
            if "/box/keeper.pyz" in words and not words[0].endswith("bwrap"):
                return pid
    raise AssertionError("no keeper")


def zygotes(executor: int) -> list[int]:
    """Return the zygotes, which are the keeper's children and change from time to time."""
    return children(keeper(executor))
