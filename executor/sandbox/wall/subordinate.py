"""User ids for boxes if the executor is an ordinary user: those that /etc/subuid and /etc/subgid grant it.

newuidmap(1) and newgidmap(1), which have the privilege, map them into the wall's user namespace. There our own user is
0, and these ids follow.
"""

import contextlib
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.common.service.errors import ConfigurationError

#: Seconds after which bubblewrap or a tool is given up, because it hangs.
_TIMEOUT_S = 7.0
#: The first of the ids inside the wall.
FIRST_USER = 1


class Unavailable(Exception):
    """There are no subordinate ids. The message says why, and what to do about it."""


@dataclass(frozen=True)
class Subordinates:
    """The first of `count` user and group ids that we may use, and the paths of the tools that map them."""

    first_user: int
    first_group: int
    count: int
    newuidmap: str
    newgidmap: str

    def map_into(self, process: int) -> None:
        """Map the ids of a process that has a new user namespace. Raises `Unavailable` with the tool's message."""
        for tool, id_, first in (
            (self.newuidmap, os.getuid(), self.first_user),
            (self.newgidmap, os.getgid(), self.first_group),
        ):
            argv = [tool, str(process), "0", str(id_), "1", str(FIRST_USER), str(first), str(self.count)]
            try:
                subprocess.run(argv, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
            except subprocess.CalledProcessError as exc:
                raise Unavailable(exc.stderr.strip() or f"{tool} failed") from exc
            except subprocess.TimeoutExpired as exc:
                raise Unavailable(f"{tool} hangs") from exc
            except OSError as exc:
                raise Unavailable(f"{tool} cannot be run: {exc}") from exc


class Gate:
    """Two pipes by which bubblewrap waits until the ids of its user namespace are mapped.

    It inherits one end of each: it writes the id of its child to `info`, and then reads from `block`.
    """

    def __init__(self) -> None:
        self.block, self._unblock = os.pipe()
        self._read_info, self.info = os.pipe()

    @property
    def options(self) -> list[str]:
        return ["--userns-block-fd", str(self.block), "--info-fd", str(self.info)]

    def close_inherited(self) -> None:
        os.close(self.block)
        os.close(self.info)

    def close(self) -> None:
        """Close our ends, if `let_in` is not called."""
        os.close(self._read_info)
        os.close(self._unblock)

    def let_in(self, subordinates: Subordinates) -> None:
        """Map the ids, and let bubblewrap continue, which ends if they cannot be mapped. Blocks for some milliseconds.

        Raises `Unavailable` if ids cannot be mapped, and `TimeoutError` if bubblewrap does not ask for them.
        """
        poll = select.poll()
        poll.register(self._read_info, select.POLLIN)
        try:
            text = b""
            while not text.rstrip().endswith(b"}"):
                if not poll.poll(_TIMEOUT_S * 1000):
                    raise TimeoutError
                more = os.read(self._read_info, 4096)
                if not more:
                    return  # it has ended with a message
                text += more
            subordinates.map_into(json.loads(text)["child-pid"])
            with contextlib.suppress(BrokenPipeError):
                os.write(self._unblock, b"1")
        finally:
            self.close()


def find(count: int, bubblewrap: Path, etc: Path = Path("/etc")) -> Subordinates:
    """Return `count` ids, after a test that they can be mapped. Raises `Unavailable` if they cannot."""
    if "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
        raise Unavailable("no_new_privs is set, as in most containers, so newuidmap has no right to map user ids")
    tools = [shutil.which(tool) for tool in ("newuidmap", "newgidmap")]
    if tools[0] is None or tools[1] is None:
        raise Unavailable("newuidmap is not installed: run `apt install uidmap`")
    first_user, first_group = (_last_of_a_range(etc / file, count) for file in ("subuid", "subgid"))
    subordinates = Subordinates(first_user, first_group, count, tools[0], tools[1])
    _try(subordinates, bubblewrap)
    return subordinates


def _last_of_a_range(file: Path, count: int) -> int:
    """Return the last ids of a range, because rootless containers of the same user take ids from its beginning."""
    for start, length in _ranges(file):
        if length >= count:
            return start + length - count
    raise Unavailable(
        f"{file} grants user {os.getuid()} no range of {count} ids: run "
        "`usermod --add-subuids 300000-365535 --add-subgids 300000-365535 USER`"
    )


def _ranges(file: Path) -> Iterator[tuple[int, int]]:
    """Yield our ranges in a file as subuid(5) describes it: user, first id, count."""
    names = {str(os.getuid())}
    with contextlib.suppress(KeyError):
        names.add(pwd.getpwuid(os.getuid()).pw_name)
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            name, _, rest = line.partition(":")
            first, _, length = rest.partition(":")
            if name in names and first.isdigit() and length.strip().isdigit():
                yield int(first), int(length)


def _try(subordinates: Subordinates, bubblewrap: Path) -> None:
    """Map the ids into a user namespace as a test. Raises `ConfigurationError` if bubblewrap hangs."""
    gate = Gate()
    argv = [str(bubblewrap), "--die-with-parent", "--unshare-user", *gate.options, "--ro-bind", "/", "/", "true"]
    try:
        process = subprocess.Popen(
            argv,
            pass_fds=(gate.block, gate.info),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
    except OSError as exc:
        gate.close()
        raise Unavailable(f"{bubblewrap} cannot be run: {exc.strerror}") from exc
    finally:
        gate.close_inherited()
    with process:
        try:
            gate.let_in(subordinates)
            _, stderr = process.communicate(timeout=_TIMEOUT_S)
        except (TimeoutError, subprocess.TimeoutExpired) as exc:
            raise ConfigurationError(f"{bubblewrap} hangs when it makes a user namespace.") from exc
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # also its child in the sandbox, which would outlive it
    if process.returncode != 0:
        raise Unavailable(f"bubblewrap failed: {stderr.strip()}")
