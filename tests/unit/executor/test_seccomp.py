"""The filters, run by a few lines of BPF machine: what may be called, and with what."""

import errno
import struct

import pytest

from executor.sandbox import seccomp
from executor.sandbox.syscall_rules import rules

_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW = 0x7FFF0000
_KILL = 0x80000000


def _refused(number: int) -> int:
    return 0x00050000 | number


def _run(program: bytes, number: int, *arguments: int, arch: int = _ARCH["x86_64"]) -> int:
    """The filter's answer to a call; only the instructions that ours uses."""
    data = struct.pack("=iIQ6Q", number & 0xFFFFFFFF if number < 1 << 31 else number - (1 << 32), arch, 0,
                       *(arguments + (0,) * 6)[:6])  # fmt: skip
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator = position = 0
    while True:
        kind, yes, no, value = code[position]
        position += 1
        match kind:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:
                accumulator &= value
            case 0x06:
                return int(value)
            case 0x05:
                position += value
            case 0x15:
                position += yes if accumulator == value else no
            case 0x35:
                position += yes if accumulator >= value else no
            case 0x45:
                position += yes if accumulator & value else no
            case _:
                raise AssertionError(kind)


_NUMBERS = seccomp.allowed("x86_64")


@pytest.fixture(scope="module")
def program() -> bytes:
    return seccomp.build("x86_64")


_MOUNT, _UNSHARE, _SETHOSTNAME, _CLONE3, _SETNS = 165, 272, 170, 435, 308
_CLONE_NEWNS, _CLONE_NEWCGROUP, _CLONE_NEWUSER, _CLONE_NEWNET = 0x20000, 0x2000000, 0x10000000, 0x40000000


def test_the_wall_allows_what_programs_call_and_what_makes_boxes() -> None:
    wall = seccomp.for_the_wall("x86_64")
    allowed = {number for number in range(600) if _run(wall, number, 0, _CLONE_NEWNET) == _ALLOW}
    assert allowed == {*_NUMBERS.values(), _MOUNT, _UNSHARE, _SETHOSTNAME, _CLONE3, _SETNS}
    assert _run(wall, _SETNS, 0, _CLONE_NEWUSER) == _refused(errno.EPERM)


def test_process_one_makes_no_namespaces_but_those_of_programs() -> None:
    process_one = seccomp.for_process_one("x86_64")
    allowed = {number for number in range(600) if _run(process_one, number, _CLONE_NEWUSER) == _ALLOW}
    assert allowed == {*_NUMBERS.values(), _UNSHARE}
    assert _run(process_one, _UNSHARE, _CLONE_NEWUSER | _CLONE_NEWCGROUP) == _ALLOW
    assert _run(process_one, _UNSHARE, _CLONE_NEWUSER | _CLONE_NEWNS) == _refused(errno.EPERM)


@pytest.mark.parametrize("name", ["read", "execve", "mseal", "memfd_create", "shmget"])
def test_ordinary_calls_are_allowed(program: bytes, name: str) -> None:
    assert _run(program, _NUMBERS[name]) == _ALLOW


@pytest.mark.parametrize("number", [101, 165, 272, 308, 321, 425, 435, 310, 463, 9999, 0x40000000, 0xFFFFFFFF])
def test_others_do_not_exist(program: bytes, number: int) -> None:
    assert _run(program, number) == _refused(errno.ENOSYS)


def test_every_number_gets_the_answer_of_the_table(program: bytes) -> None:
    allowed = set(seccomp.allowed("x86_64").values())
    conditional = {_NUMBERS[name] for name in rules("x86_64") if name in _NUMBERS}
    for number in set(range(600)) - conditional:
        assert _run(program, number) == (_ALLOW if number in allowed else _refused(errno.ENOSYS)), number


def test_another_architecture_is_killed(program: bytes) -> None:
    assert _run(program, 0, arch=0x40000003) == _KILL
    assert _run(program, 0, arch=_ARCH["aarch64"]) == _KILL
    assert _run(seccomp.build("aarch64"), 63, arch=_ARCH["aarch64"]) == _ALLOW


def test_clone_makes_threads_but_no_namespaces(program: bytes) -> None:
    assert _run(program, _NUMBERS["clone"], 0x3D0F00) == _ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert _run(program, _NUMBERS["clone"], flag | 17) == _refused(errno.EPERM)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((1, 1, 0), _ALLOW),
        ((2, 1, 0), _ALLOW),
        ((2, 0x80002, 17), _ALLOW),
        ((10, 0x801, 6), _ALLOW),
        ((16, 3, 0), _ALLOW),
        ((16, 3, 12), _refused(errno.EAFNOSUPPORT)),
        ((2, 3, 0), _refused(errno.EPERM)),
        ((2, 0x80003, 255), _refused(errno.EPERM)),
        ((10, 3, 58), _refused(errno.EPERM)),
        ((2, 1, 132), _refused(errno.EAFNOSUPPORT)),
        ((2, 5, 0), _refused(errno.EAFNOSUPPORT)),  # SOCK_SEQPACKET is SCTP's, where that is loaded
        ((2, 6, 0), _refused(errno.EAFNOSUPPORT)),
        ((2, 1, 262), _refused(errno.EAFNOSUPPORT)),
        ((17, 3, 0), _refused(errno.EAFNOSUPPORT)),
        ((40, 1, 0), _refused(errno.EAFNOSUPPORT)),
    ],
)
def test_sockets(program: bytes, arguments: tuple[int, ...], answer: int) -> None:
    assert _run(program, _NUMBERS["socket"], *arguments) == answer


_SOL_SOCKET, _SOL_IP, _SOL_TCP, _SOL_UDP = 1, 0, 6, 17
_OUT_OF_BAND = 1


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("fcntl", (0, 1030), _ALLOW),  # F_DUPFD_CLOEXEC
        ("fcntl", (0, 6), _ALLOW),  # F_SETLK
        ("fcntl", (0, 4, 0x800), _ALLOW),  # F_SETFL, O_NONBLOCK
        ("fcntl", (0, 4, 0x4000), errno.EINVAL),  # O_DIRECT
        *(("fcntl", (0, command), errno.EPERM) for command in (8, 10, 15, 1024, 1025, 1026, 1031, 1035, 1036, 1040)),
        ("open", (0, 0x80000), _ALLOW),
        ("open", (0, 0x4000), errno.EINVAL),
        ("openat", (0, 0, 0x84000), errno.EINVAL),
        *(("preadv2", (0, 0, 0, 0, 0, flag), _ALLOW) for flag in (0, 2, 4, 0x10)),
        *(("preadv2", (0, 0, 0, 0, 0, flag), errno.EOPNOTSUPP) for flag in (8, 0x40, 0x80, 0x100, 0x80000000)),
        ("pwritev2", (0, 0, 0, 0, 0, 8), errno.EOPNOTSUPP),
        *((name, (0,), 0) for name in ("fsync", "fdatasync", "sync_file_range")),
        ("fadvise64", (0, 0, 0, 2), _ALLOW),
        ("fadvise64", (0, 0, 0, 4), 0),
        ("msync", (0, 0, 1), _ALLOW),
        ("msync", (0, 0, 4), 0),
        ("mmap", (0, 0, 0, 0x22), _ALLOW),
        ("mmap", (0, 0, 0, 0x40022), errno.ENOMEM),
        ("memfd_create", (0, 3), _ALLOW),
        ("memfd_create", (0, 4), errno.EINVAL),
        ("shmget", (0, 0, 0o4600), errno.EPERM),
        *(("madvise", (0, 0, advice), _ALLOW) for advice in (3, 4, 8, 14, 23, 102)),
        *(("madvise", (0, 0, advice), errno.EINVAL) for advice in (12, 20, 21, 25, 100, 101)),
        *(("prctl", (option,), _ALLOW) for option in (1, 4, 15, 38, 0x53564D41)),
        *(("prctl", (option,), errno.EINVAL) for option in (8, 22, 24, 26, 28, 31, 33, 35, 53, 57, 59, 62, 67, 78)),
        *(("futex", (0, operation), _ALLOW) for operation in (0, 1, 128, 129, 4, 9, 137, 265, 393)),
        *(("futex", (0, operation), errno.ENOSYS) for operation in (2, 6, 7, 8, 11, 12, 13, 134, 141, 396)),
        ("setsockopt", (0, _SOL_SOCKET, 2), _ALLOW),  # SO_REUSEADDR
        ("setsockopt", (0, _SOL_TCP, 1), _ALLOW),  # TCP_NODELAY
        *(("setsockopt", (0, _SOL_SOCKET, option), errno.ENOPROTOOPT) for option in (26, 27, 50, 51, 52, 60, 25, 36)),
        *(("setsockopt", (0, _SOL_TCP, option), errno.ENOPROTOOPT) for option in (13, 14, 19, 23, 31)),
        *(("setsockopt", (0, _SOL_IP, option), errno.ENOPROTOOPT) for option in (4, 16, 39, 41, 64)),
        ("setsockopt", (0, _SOL_UDP, 100), errno.ENOPROTOOPT),
        ("setsockopt", (0, 270, 1), errno.ENOPROTOOPT),
        ("getsockopt", (0, _SOL_SOCKET, 4), _ALLOW),
        ("getsockopt", (0, _SOL_TCP, 11), _ALLOW),
        ("getsockopt", (0, _SOL_TCP, 35), errno.ENOPROTOOPT),
        *((name, (0, 0, 0x4000), _ALLOW) for name in ("sendmsg", "recvmsg")),
        *((name, (0, 0, _OUT_OF_BAND), errno.EOPNOTSUPP) for name in ("sendmsg", "recvmsg")),
        *((name, (0, 0, 0, 0x4042), _ALLOW) for name in ("sendto", "recvfrom", "sendmmsg", "recvmmsg")),
        *((name, (0, 0, 0, 0x41), errno.EOPNOTSUPP) for name in ("sendto", "recvfrom", "sendmmsg", "recvmmsg")),
        ("sendto", (0, 0, 0, 0x20000000), errno.EOPNOTSUPP),
        ("sendmsg", (0, 0, 0x4000000), errno.EOPNOTSUPP),
        *(("ioctl", (0, request), _ALLOW) for request in (0x5401, 0x541B, 0x5421, 0x5451, 0x40045431, 0x8912)),
        # TIOCSTI, also with what the kernel drops, TIOCLINUX, TIOCSETD, TIOCCONS, FIOASYNC, FIEMAP, FICLONE
        *(
            ("ioctl", (0, request), errno.ENOTTY)
            for request in (0x5412, 0x5412 | 1 << 32, 0x541C, 0x5423, 0x541D, 0x5452, 0xC020660B, 0x40049409)
        ),
        ("prlimit64", (0,), _ALLOW),
        ("prlimit64", (0, 7, 0x1000), _ALLOW),  # RLIMIT_NOFILE
        ("prlimit64", (0, 4, 0, 0x1000), _ALLOW),  # RLIMIT_CORE is read, and not set
        ("prlimit64", (0, 4, 0x1000), errno.EPERM),
        ("prlimit64", (0, 4, 0x7F00_0000_0000), errno.EPERM),
        ("setrlimit", (4,), errno.EPERM),
        ("setrlimit", (7,), _ALLOW),
        ("prlimit64", (1,), errno.EPERM),
        ("personality", (0xFFFFFFFF,), _ALLOW),
        ("personality", (0x0400000,), errno.EPERM),
    ],
)
def test_other_arguments(program: bytes, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert _run(program, _NUMBERS[name], *arguments) == (answer if answer == _ALLOW else _refused(answer))


def test_direct_reading_has_another_number_on_another_architecture() -> None:
    program, openat = seccomp.build("aarch64"), seccomp.allowed("aarch64")["openat"]
    assert _run(program, openat, 0, 0, 0x4000, arch=_ARCH["aarch64"]) == _ALLOW
    assert _run(program, openat, 0, 0, 0x10000, arch=_ARCH["aarch64"]) == _refused(errno.EINVAL)


def test_every_rule_is_for_a_call_that_is_allowed() -> None:
    names = {*seccomp.allowed("x86_64"), *seccomp.allowed("aarch64")}
    assert set(rules("x86_64")) <= names


def test_memory_outside_mappings_is_refused_where_nothing_counts_it() -> None:
    sampled = seccomp.build("x86_64", counted_by_cgroup=False)
    for name in ("memfd_create", "shmget", "msgget"):
        assert _run(sampled, _NUMBERS[name]) == _refused(errno.ENOSYS)


def test_pages_go_nowhere_without_a_copy_where_nothing_counts_them(program: bytes) -> None:
    sampled = seccomp.build("x86_64", counted_by_cgroup=False)
    for name in ("sendfile", "splice", "tee"):
        assert _run(program, _NUMBERS[name]) == _ALLOW
        assert _run(sampled, _NUMBERS[name]) == _refused(errno.EINVAL)


def test_unknown_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="no system call table"):
        seccomp.build("vax")
