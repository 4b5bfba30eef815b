"""Takes the steps of making a box, and prints how each ended. `facts.py` runs it as a program.

A line is a step's name, a tab, and "ok" or the name of the kernel's error. A step whose line has no result killed the
program. The steps that need one another stop at the first that is refused.
"""

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Callable

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_MS_REC, _MS_SLAVE = 0x4000, 0x80000
_NAMESPACES = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
_INVALID_FLAG = 1
_PR_SET_DUMPABLE = 4
_AT_FDCWD, _O_PATH = -100, 0o10000000
_OPENAT2 = 437  # on every architecture

_libc = ctypes.CDLL(None, use_errno=True)


def call(function: Callable[..., int], *arguments: object) -> None:
    ctypes.set_errno(0)
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")


def openat2() -> None:
    how = (ctypes.c_uint64 * 3)(_O_PATH, 0, 0)
    call(_libc.syscall, _OPENAT2, _AT_FDCWD, b"/", how, ctypes.sizeof(how))


def netlink() -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE).close()


def fail_with(expected: int, function: Callable[..., int], *arguments: object) -> None:
    """Make a call that fails before the kernel checks privileges. Raises `OSError` if a filter refuses it."""
    try:
        call(function, *arguments)
    except OSError as exc:
        if exc.errno != expected:
            raise


def map_ids(user: int, group: int) -> None:
    for file, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        descriptor = os.open(f"/proc/self/{file}", os.O_WRONLY)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    call(_libc.prctl, _PR_SET_DUMPABLE, 1, 0, 0, 0)  # otherwise the files of /proc/self belong to root


def attempt(name: str, step: Callable[..., None], *arguments: object) -> bool:
    """Print how the step ended, and return whether the kernel allowed it."""
    print(f"{name}\t", end="", flush=True)  # noqa: T201
    try:
        step(*arguments)
    except OSError as exc:
        print(errno.errorcode.get(exc.errno or 0, exc.errno), flush=True)  # noqa: T201
        return False
    print("ok", flush=True)  # noqa: T201
    return True


def enter_user_namespace() -> bool:
    user, group = os.getuid(), os.getgid()
    return attempt("user namespace", call, _libc.unshare, _NEWUSER) and attempt("id map", map_ids, user, group)


def enter_namespaces() -> bool:
    return attempt("namespaces", call, _libc.unshare, _NAMESPACES) and attempt(
        "mounts", call, _libc.mount, None, b"/", None, _MS_REC | _MS_SLAVE, None
    )


def main(user: int) -> None:
    """Try every step. `user` is the user of boxes if we are root, and negative otherwise. Root makes the namespaces of
    a box itself. In them each program has a user namespace of its own."""
    attempt("openat2", openat2)
    attempt("netlink", netlink)
    attempt("unshare", fail_with, errno.EINVAL, _libc.unshare, _NEWUSER | _NAMESPACES | _INVALID_FLAG)
    attempt("mount", fail_with, errno.ENOENT, _libc.mount, None, b"", None, 0, None)
    if user < 0:
        _ = enter_user_namespace() and enter_namespaces()
    elif enter_namespaces() and attempt("another user", become, user):
        enter_user_namespace()


if __name__ == "__main__":
    main(int(sys.argv[1]))
