"""Run as a program by `host_facts.py`, never imported: takes the steps of making a box, and prints how each ended.

A line is a step's name, a tab, and "ok" or the name of the kernel's error. A step without an end killed us. Of the
steps that make the box, none follows one that was refused, since what came then would be about that.
"""

import ctypes
import errno
import os
import resource
import socket
import sys
from collections.abc import Callable

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_SLAVE = 2, 4, 8, 0x4000, 0x80000
_NAMESPACES = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
_INVALID_FLAG = 1
_AT_FDCWD, _O_PATH = -100, 0o10000000
_PR_SET_DUMPABLE = 4
# The same numbers on every architecture, 424 and above. The others are what `isolation_probe.py` calls in a box.
_OPENAT2 = 437
_OTHER_CALLS = (425, 428, 429, 430, 435, 438, 442)

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
    """Call the kernel with arguments at which it fails before it looks at privileges: another error is a filter's."""
    try:
        call(function, *arguments)
    except OSError as exc:
        if exc.errno != expected:
            raise


def other_calls() -> None:
    """They fail, as their arguments are nothing; only whether we survive them matters."""
    for number in _OTHER_CALLS:
        _libc.syscall(number, 0, 0, 0, 0, 0)


def limit_cores() -> None:
    """Look whether the keeper may set the limit of 1 with which crashes start no program of the host (core(5))."""
    with open("/proc/sys/kernel/core_pattern") as file:
        if file.read(1) == "|" and resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            raise OSError(errno.EPERM, "")


def map_ids(user: int, group: int) -> None:
    for file, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        descriptor = os.open(f"/proc/self/{file}", os.O_WRONLY)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    call(_libc.prctl, _PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the files of /proc/self would belong to root


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
    return (
        attempt("namespaces", call, _libc.unshare, _NAMESPACES)
        and attempt("mounts", call, _libc.mount, None, b"/", None, _MS_REC | _MS_SLAVE, None)
        and attempt("hostname", socket.sethostname, socket.gethostname())
    )


def make_box(user: int) -> None:
    """Take the last steps of a box, as the first process of the new pid namespace."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if attempt("proc", call, _libc.mount, b"proc", b"/proc", b"proc", flags, None) and (
        user < 0 or attempt("another user", become, user)
    ):
        enter_user_namespace()


def main(user: int) -> None:
    """`user` is that of boxes if we are root, else negative."""
    attempt("openat2", openat2)
    attempt("netlink", netlink)
    attempt("unshare", fail_with, errno.EINVAL, _libc.unshare, _NEWUSER | _NAMESPACES | _INVALID_FLAG)
    attempt("mount", fail_with, errno.ENOENT, _libc.mount, None, b"", None, 0, None)
    attempt("other calls", other_calls)
    attempt("core limit", limit_cores)
    if (user >= 0 or enter_user_namespace()) and enter_namespaces():
        child = os.fork()
        if child == 0:
            make_box(user)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
