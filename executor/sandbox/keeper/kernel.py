"""The system calls that Python's standard library lacks, one thin function each; all raise OSError.

Constants are those of the kernel's UAPI headers (linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h).
"""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000

_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """unshare(2)"""
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """setns(2)"""
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)"""
    encoded = kind.encode() if kind else None
    data = options.encode() if options else None
    _check(_libc.mount(source.encode(), target.encode(), encoded, flags, data), f"mount {kind or source} on {target}")


def set_dumpable(dumpable: bool) -> None:
    """PR_SET_DUMPABLE(2const): whether others of the same user may trace this process and open its /proc files."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def set_no_new_privileges() -> None:
    """PR_SET_NO_NEW_PRIVS(2const)"""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def drop_capabilities(last: int) -> None:
    """Empty every capability set, the bounding set of capabilities 0..`last` included (capabilities(7))."""
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl(PR_CAP_AMBIENT)")
    for capability in range(last + 1):
        _check(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl(PR_CAPBSET_DROP)")
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def install_filter(program: bytes) -> None:
    """Install a classic BPF program as seccomp(2) filter of this thread; needs no_new_privs."""
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_ = _FilterProgram(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    address = ctypes.addressof(filter_)
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address, 0, 0), "prctl(PR_SET_SECCOMP)")


def close_from(lowest: int) -> None:
    """Close every descriptor from `lowest` on."""
    os.closerange(lowest, 1 << 20)


def raise_loopback() -> None:
    """Set `lo` up (netdevice(7)), so that programs may talk to themselves; there is no other interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as inet:
        request = struct.pack("16sh14x", b"lo", 0)
        flags: int = struct.unpack_from("h", fcntl.ioctl(inet, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(inet, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
