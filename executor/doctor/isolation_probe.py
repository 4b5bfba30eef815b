"""Tries what must not work in a box, and prints what worked, by kind, as JSON. `probes.py` runs it as a program."""

import ctypes
import errno
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

_SECRET = ("/etc/shadow", "/root", "/home", "/etc/hostname", "/var/lib", "/run", "/sys/kernel")
_KNOWN_ENVIRONMENT = {"PATH", "HOME", "LANG", "TMPDIR", "LC_CTYPE"}
# The same numbers on every architecture, 424 and above: pidfd_getfd, io_uring_setup, clone3, open_tree, move_mount,
# fsopen, mount_setattr.
_CALLS = (438, 425, 435, 428, 429, 430, 442)
_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x20000

_libc = ctypes.CDLL(None, use_errno=True)


def works(action: Callable[..., Any], *arguments: Any) -> bool:
    try:
        action(*arguments)
    except OSError:
        return False
    return True


def files(aims: dict[str, Any]) -> list[str]:
    return [path for path in (*_SECRET, *aims["files"]) if not path.startswith("/usr") and os.path.lexists(path)]


def system(aims: dict[str, Any]) -> list[str]:
    folders = ("/", "/usr", "/etc", "/dev", "/proc", "/bin")
    return [folder for folder in folders if works(os.mkdir, f"{folder}/planted")]


def processes(aims: dict[str, Any]) -> list[str]:
    expected = {"1", str(os.getpid())}
    visible = [name for name in os.listdir("/proc") if name.isdigit() and name not in expected]
    names = ("environ", "mem", "root/", "fd")
    return visible + [name for name in names if works(os.open, f"/proc/1/{name}", os.O_RDONLY)]


def privileges(aims: dict[str, Any]) -> list[str]:
    with open("/proc/self/status") as status:
        lines = {name: value.strip() for name, _, value in (line.partition(":") for line in status)}
    held = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(lines[name], 16)]
    held += [name for name, value in (("NoNewPrivs", "1"), ("Seccomp", "2")) if lines[name] != value]
    return held + [f"uid {uid}" for uid in (0,) if os.getuid() == uid or works(os.setuid, uid)]


def calls(aims: dict[str, Any]) -> list[str]:
    reached = []
    for number in _CALLS:
        ctypes.set_errno(0)
        if _libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.ENOSYS:
            reached.append(str(number))
    return reached


def namespaces(aims: dict[str, Any]) -> list[str]:
    return [hex(kind) for kind in (_CLONE_NEWUSER, _CLONE_NEWNS) if _libc.unshare(kind) == 0]


def network(aims: dict[str, Any]) -> list[str]:
    reached = [name for _, name in socket.if_nameindex() if name != "lo"]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        if works(client.connect, ("127.0.0.1", aims["port"])):
            reached.append("the host's loopback")
    return reached


def crashes(aims: dict[str, Any]) -> list[str]:
    """Return how the kernel would pass a core dump on, to a program or a socket of root.

    A limit of 1 prevents the program (core(5)), but not the socket.
    """
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    if pattern.startswith("|") and resource.getrlimit(resource.RLIMIT_CORE) != (1, 1):
        return [f"starts {pattern[1:]}: start the executor with a hard limit of core files above 0 (`ulimit -Hc 1`)"]
    if pattern.startswith("@"):
        return [f"connects to {pattern[1:]}: name a file or a program in `sysctl kernel.core_pattern`"]
    return []


def environment(aims: dict[str, Any]) -> list[str]:
    extra = [f"descriptor {number}" for number in range(3, 64) if works(os.fstat, number)]
    return sorted(set(os.environ) - _KNOWN_ENVIRONMENT) + extra


if __name__ == "__main__":
    tried = (files, system, processes, privileges, calls, namespaces, network, crashes, environment)
    print(json.dumps({attempt.__name__: ", ".join(attempt(json.loads(sys.argv[1]))) for attempt in tried}))  # noqa: T201
