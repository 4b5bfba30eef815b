"""Rules for the arguments of system calls that reach different parts of the kernel depending on them.

A rule lists the arguments that programs, C libraries and runtimes use. Every other argument gets the answer of a kernel
without that feature, for which callers have a fallback. A rule compares the lower half of an argument, unless it is
marked `high`: the kernel reads no more, or the bits in question are there. Numbers are those of the kernel's headers
(`linux/*.h`).
"""

import errno
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Allow:
    """The kernel makes the call."""


@dataclass(frozen=True)
class ReturnErrno:
    """The kernel does not make the call: it returns this error, or success if `errno` is 0."""

    errno: int


@dataclass(frozen=True)
class Switch:
    """Choose by the value of an argument, after `mask` has been applied."""

    argument: int
    cases: Mapping[int, "Rule"]
    otherwise: "Rule"
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True)
class IfBits:
    """Answer if an argument, or its `high` half, has any of the bits."""

    argument: int
    bits: int
    answer: ReturnErrno
    otherwise: "Rule" = Allow()
    high: bool = False


Rule = Allow | ReturnErrno | Switch | IfBits

ALLOW = Allow()
#: For calls that only make sense on disks. A box can write only to memory, and reads files that all boxes share. A
#: program that flushes or drops these slows down its neighbours.
_DO_NOTHING = ReturnErrno(0)


def _only(argument: int, values: Iterable[int], otherwise: int, mask: int = 0xFFFFFFFF) -> Switch:
    return Switch(argument, dict.fromkeys(values, ALLOW), ReturnErrno(otherwise), mask)


#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: they would restore capabilities.
_CLONE = IfBits(0, 0x7E020000, ReturnErrno(errno.EPERM))

_AF_UNIX, _AF_INET, _AF_NETLINK = 1, 2, 16
_SOCK_STREAM, _SOCK_DGRAM, _SOCK_RAW, _SOCK_PACKET = 1, 2, 3, 10
_SOCK_TYPE_MASK = 0xF
_IPPROTO_IP, _IPPROTO_TCP, _IPPROTO_UDP = 0, 6, 17
_NETLINK_ROUTE = 0
_PROTOCOL = _only(2, (_IPPROTO_IP, _IPPROTO_TCP, _IPPROTO_UDP), errno.EAFNOSUPPORT)
_INTERNET = Switch(
    1,
    {
        _SOCK_STREAM: _PROTOCOL,
        _SOCK_DGRAM: _PROTOCOL,
        _SOCK_RAW: ReturnErrno(errno.EPERM),
        _SOCK_PACKET: ReturnErrno(errno.EPERM),
    },
    ReturnErrno(errno.EAFNOSUPPORT),  # SCTP and DCCP also come by their types
    _SOCK_TYPE_MASK,
)
#: No IPv6: runtimes use IPv4 where a kernel lacks it.
_SOCKET = Switch(
    0,
    {
        _AF_UNIX: ALLOW,
        _AF_INET: _INTERNET,
        # getifaddrs(3) has no other way to list addresses; Node and Python's `if_nameindex` fail without it.
        _AF_NETLINK: _only(2, (_NETLINK_ROUTE,), errno.EAFNOSUPPORT),
    },
    ReturnErrno(errno.EAFNOSUPPORT),
)
_SOCKETPAIR = _only(0, (_AF_UNIX,), errno.EAFNOSUPPORT)

_SOL_SOCKET = 1
_OPTIONS = {
    # REUSEADDR, DONTROUTE, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, OOBINLINE, PRIORITY, LINGER, REUSEPORT, PASSCRED,
    # RCVLOWAT, SNDLOWAT, RCVTIMEO, SNDTIMEO. No filters (ATTACH_FILTER, ATTACH_BPF, ATTACH_REUSEPORT_*), no ZEROCOPY.
    _SOL_SOCKET: (2, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 18, 19, 20, 21),
    # NODELAY, MAXSEG, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, LINGER2, DEFER_ACCEPT, QUICKACK, USER_TIMEOUT, NOTSENT_LOWAT.
    # No ULP, REPAIR, MD5SIG, FASTOPEN.
    _IPPROTO_TCP: (1, 2, 3, 4, 5, 6, 8, 9, 12, 18, 25),
    # TOS, TTL, PKTINFO, MTU_DISCOVER, RECVERR, RECVTTL, RECVTOS, BIND_ADDRESS_NO_PORT, MULTICAST_IF, MULTICAST_TTL,
    # MULTICAST_LOOP, ADD_MEMBERSHIP, DROP_MEMBERSHIP, MULTICAST_ALL. No IP_OPTIONS, no source filters, no iptables.
    _IPPROTO_IP: (1, 2, 8, 10, 11, 12, 13, 24, 32, 33, 34, 35, 36, 49),
}
_SETSOCKOPT = Switch(
    1,
    {level: _only(2, names, errno.ENOPROTOOPT) for level, names in _OPTIONS.items()},
    ReturnErrno(errno.ENOPROTOOPT),
)
#: If no cgroup counts the kernel's memory, buffers of sockets keep their default size. A requested size is only a hint,
#: so the call answers success (socket(7)).
_SO_SNDBUF, _SO_RCVBUF = 7, 8
_SETSOCKOPT_UNCOUNTED = replace(
    _SETSOCKOPT,
    cases={
        **_SETSOCKOPT.cases,
        _SOL_SOCKET: Switch(
            2,
            {**dict.fromkeys(_OPTIONS[_SOL_SOCKET], ALLOW), **dict.fromkeys((_SO_SNDBUF, _SO_RCVBUF), _DO_NOTHING)},
            ReturnErrno(errno.ENOPROTOOPT),
        ),
    },
)
#: These calls put pages into sockets and pipes without a copy. Kernels have let programs write into such pages, also of
#: files that they may only read. And one byte there can hold a whole page, even after its file is removed, and only the
#: byte is counted. Libraries copy the data themselves if these calls fail (sendfile(2)).
_WITHOUT_COPYING = ("sendfile", "splice", "tee")
#: O_NOTIFICATION_PIPE, of the kernel's events about keys and devices.
_PIPE2 = IfBits(1, 0x80, ReturnErrno(errno.EINVAL))
#: REALTIME, MONOTONIC, BOOTTIME, TAI, and ALARM, which needs a privilege. Not those of CPU time, with timers that the
#: kernel keeps in other structures; RLIMIT_CPU and `setitimer` remain.
_CLOCKS = _only(0, (0, 1, 7, 8, 9, 11), errno.EOPNOTSUPP)
_TCP_ZEROCOPY_RECEIVE = 35
_GETSOCKOPT = Switch(
    1,
    {_IPPROTO_TCP: Switch(2, {_TCP_ZEROCOPY_RECEIVE: ReturnErrno(errno.ENOPROTOOPT)}, ALLOW)},
    ALLOW,
)
#: MSG_OOB, MSG_SPLICE_PAGES, MSG_ZEROCOPY, MSG_FASTOPEN
_MESSAGE_FLAGS = 0x1 | 0x8000000 | 0x4000000 | 0x20000000
_FLAGS_THIRD = IfBits(2, _MESSAGE_FLAGS, ReturnErrno(errno.EOPNOTSUPP))
_FLAGS_FOURTH = IfBits(3, _MESSAGE_FLAGS, ReturnErrno(errno.EOPNOTSUPP))

#: Terminals: attributes, break, flow, flush, exclusive use, controlling terminal and foreground group, queue, window,
#: FIONREAD, packet mode, session, pseudo-terminals. No TIOCSTI, TIOCSETD, TIOCLINUX, TIOCCONS.
_TERMINAL = (
    *range(0x5401, 0x5412), 0x5413, 0x5414, 0x541B, 0x5420, 0x5422, 0x5424, 0x5425, 0x5429, 0x5441,
    0x802C542A, 0x402C542B, 0x402C542C, 0x402C542D, 0x80045430, 0x40045431, 0x80045438, 0x80045439, 0x80045440,
)  # fmt: skip
#: FIONBIO, FIONCLEX, FIOCLEX, FIOQSIZE
_DESCRIPTOR = (0x5421, 0x5450, 0x5451, 0x5460)
#: Of interfaces (netdevice(7)): name, flags, addresses, metric, MTU, hardware address, index, count, queue length.
_INTERFACE = (
    0x8910, 0x8912, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933, 0x8938, 0x8942,
)  # fmt: skip
#: Requests to a filesystem's or a device's own code, such as FIEMAP, are not among them.
_IOCTL = _only(1, (*_TERMINAL, *_DESCRIPTOR, *_INTERFACE), errno.ENOTTY)

#: F_DUPFD, GETFD, SETFD, GETFL, GETLK, SETLK, SETLKW, OFD_GETLK, OFD_SETLK, OFD_SETLKW, DUPFD_QUERY, DUPFD_CLOEXEC,
#: GETPIPE_SZ, ADD_SEALS, GET_SEALS. No SETLEASE (the owner of a file can make its readers wait), no NOTIFY (it reports
#: who opens files in a folder that all boxes see), no SETPIPE_SZ (pipes' memory is limited by user), no SETOWN or
#: SETSIG, no RW hints.
_FCNTL_COMMANDS = (0, 1, 2, 3, 5, 6, 7, 36, 37, 38, 1027, 1030, 1032, 1033, 1034)
_F_SETFL = 4
#: /proc/locks does not show the owner of these locks, so nothing counts them if no cgroup counts the kernel's memory.
_OFD_SETLK, _OFD_SETLKW = 37, 38

#: A program that bypasses the page cache can keep the disk busy without end, even with data that were read already.
_O_DIRECT = {"x86_64": 0x4000, "aarch64": 0x10000}

#: Plain files (0 means one too), FIFOs and sockets, with any permissions. Device nodes are refused here as well as by
#: the kernel, which asks for a capability and makes an exception for the device 0:0 (mknod(2)).
_FORMATS = (0, stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK)

#: HIPRI, DSYNC, SYNC, APPEND, NOAPPEND. RWF_NOWAIT reveals if another process has read this part of a file lately;
#: RWF_DONTCACHE makes others read it again.
_RWF = 0x1 | 0x2 | 0x4 | 0x10 | 0x20
_VECTORED = IfBits(5, ~_RWF & 0xFFFFFFFF, ReturnErrno(errno.EOPNOTSUPP))

_POSIX_FADV_DONTNEED = 4
_MS_SYNC = 4
#: No limit of memory counts the host's huge pages.
_MAP_HUGETLB, _MFD_HUGETLB = 0x40000, 0x4

#: NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, REMOVE, DONTFORK, DOFORK, HUGEPAGE, NOHUGEPAGE, DONTDUMP,
#: DODUMP, WIPEONFORK, KEEPONFORK, POPULATE_READ, POPULATE_WRITE, DONTNEED_LOCKED, GUARD_INSTALL, GUARD_REMOVE. Not
#: MERGEABLE: the time to write to a page reveals if another box has an equal one. Not COLD, PAGEOUT and COLLAPSE:
#: others have the same pages mapped.
_ADVICE = (0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 22, 23, 24, 102, 103)

#: PDEATHSIG, DUMPABLE, KEEPCAPS (get), NAME, SECCOMP (get), CAPBSET_READ, SECUREBITS (get), TIMERSLACK,
#: CHILD_SUBREAPER, NO_NEW_PRIVS, TID_ADDRESS, THP_DISABLE, CAP_AMBIENT, ARM's vectors, keys and tags, VMA's name,
#: PTRACER. No further filters, no core scheduling (which keeps neighbours off a processor), no memory merging.
_PRCTL = (
    1, 2, 3, 4, 7, 15, 16, 21, 23, 27, 29, 30, 36, 37, 38, 39, 40, 41, 42, 47, 50, 51, 54, 55, 56, 63, 64,
    0x53564D41, 0x59616D61,
)  # fmt: skip

#: WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET, WAKE_BITSET. Priority inheritance needs real-time priorities,
#: which no program has here; glibc then refuses PTHREAD_PRIO_INHERIT with ENOTSUP.
_FUTEX = (0, 1, 3, 4, 5, 9, 10)
#: Without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.
_FUTEX_MASK = 0xFFFFFFFF & ~(128 | 256)

#: The kernel starts the host's program for core dumps unless this limit is exactly 1 (core(5)), so it must stay 1. A
#: lower limit does not prevent it.
_RLIMIT_CORE = 4
_SETRLIMIT = Switch(0, {_RLIMIT_CORE: ReturnErrno(errno.EPERM)}, ALLOW)
_NEW_LIMIT, _ALL_BITS = 2, 0xFFFFFFFF
_READ_ONLY = IfBits(
    _NEW_LIMIT, _ALL_BITS, ReturnErrno(errno.EPERM), IfBits(_NEW_LIMIT, _ALL_BITS, ReturnErrno(errno.EPERM), high=True)
)
#: A program may set its own limits, but not those of process 1, which has the same user if the executor is not root.
_PRLIMIT = Switch(0, {0: Switch(1, {_RLIMIT_CORE: _READ_ONLY}, ALLOW)}, ReturnErrno(errno.EPERM))

_PERSONALITY_QUERY, _PERSONALITY_LINUX = 0xFFFFFFFF, 0


def rules(machine: str, *, counted_by_cgroup: bool = True) -> dict[str, Rule]:
    """Return the rules for an architecture, by the name of their call."""
    direct = _O_DIRECT[machine]
    no_direct = ReturnErrno(errno.EINVAL)
    uncounted_locks = {} if counted_by_cgroup else dict.fromkeys((_OFD_SETLK, _OFD_SETLKW), ReturnErrno(errno.EINVAL))
    return {
        **dict.fromkeys(_WITHOUT_COPYING, ReturnErrno(errno.EINVAL)),
        "pipe2": _PIPE2,
        "timer_create": _CLOCKS,
        "clock_nanosleep": _CLOCKS,
        "clone": _CLONE,
        "socket": _SOCKET,
        "socketpair": _SOCKETPAIR,
        "setsockopt": _SETSOCKOPT if counted_by_cgroup else _SETSOCKOPT_UNCOUNTED,
        "getsockopt": _GETSOCKOPT,
        "sendmsg": _FLAGS_THIRD,
        "recvmsg": _FLAGS_THIRD,
        "sendto": _FLAGS_FOURTH,
        "recvfrom": _FLAGS_FOURTH,
        "sendmmsg": _FLAGS_FOURTH,
        "recvmmsg": _FLAGS_FOURTH,
        "ioctl": _IOCTL,
        "fcntl": Switch(
            1,
            {**dict.fromkeys(_FCNTL_COMMANDS, ALLOW), _F_SETFL: IfBits(2, direct, no_direct), **uncounted_locks},
            ReturnErrno(errno.EPERM),
        ),
        "open": IfBits(1, direct, no_direct),
        "openat": IfBits(2, direct, no_direct),
        "mknod": _only(1, _FORMATS, errno.EPERM, stat.S_IFMT(0xFFFF)),
        "mknodat": _only(2, _FORMATS, errno.EPERM, stat.S_IFMT(0xFFFF)),
        "preadv2": _VECTORED,
        "pwritev2": _VECTORED,
        "fadvise64": Switch(3, {_POSIX_FADV_DONTNEED: _DO_NOTHING}, ALLOW),
        "fsync": _DO_NOTHING,
        "fdatasync": _DO_NOTHING,
        "sync_file_range": _DO_NOTHING,
        "msync": IfBits(2, _MS_SYNC, _DO_NOTHING),
        "mmap": IfBits(3, _MAP_HUGETLB, ReturnErrno(errno.ENOMEM)),
        "memfd_create": IfBits(1, _MFD_HUGETLB, ReturnErrno(errno.EINVAL)),
        "madvise": _only(2, _ADVICE, errno.EINVAL),
        "prctl": _only(0, _PRCTL, errno.EINVAL),
        "futex": _only(1, _FUTEX, errno.ENOSYS, _FUTEX_MASK),
        "setrlimit": _SETRLIMIT,
        "prlimit64": _PRLIMIT,
        "personality": _only(0, (_PERSONALITY_QUERY, _PERSONALITY_LINUX), errno.EPERM),
    }
