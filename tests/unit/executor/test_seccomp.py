"""The filter, run by a few lines of BPF machine: what may be called, and with what."""

import errno
import struct

import pytest

from executor.sandbox import seccomp

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


_NUMBERS = {"read": 0, "socket": 41, "socketpair": 53, "clone": 56, "execve": 59, "ioctl": 16, "mseal": 462,
            "prlimit64": 302, "personality": 135, "memfd_create": 319, "shmget": 29}  # fmt: skip


@pytest.fixture(scope="module")
def program() -> bytes:
    return seccomp.build("x86_64")


def test_the_walls_filter_knows_of_no_io_uring() -> None:
    io_uring_setup = 425
    assert _run(seccomp.for_the_wall(), io_uring_setup) == _refused(errno.ENOSYS)
    assert all(_run(seccomp.for_the_wall(), number) == _ALLOW for number in range(600) if number != io_uring_setup)


@pytest.mark.parametrize("name", ["read", "execve", "mseal", "memfd_create", "shmget"])
def test_ordinary_calls_are_allowed(program: bytes, name: str) -> None:
    assert _run(program, _NUMBERS[name]) == _ALLOW


@pytest.mark.parametrize("number", [101, 165, 272, 308, 321, 425, 435, 310, 463, 9999, 0x40000000, 0xFFFFFFFF])
def test_others_do_not_exist(program: bytes, number: int) -> None:
    assert _run(program, number) == _refused(errno.ENOSYS)


def test_every_number_gets_the_answer_of_the_table(program: bytes) -> None:
    allowed = set(seccomp.allowed("x86_64").values())
    conditional = {16, 41, 53, 56, 135, 302}
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
        ((2, 1, 262), _refused(errno.EAFNOSUPPORT)),
        ((17, 3, 0), _refused(errno.EAFNOSUPPORT)),
        ((40, 1, 0), _refused(errno.EAFNOSUPPORT)),
    ],
)
def test_sockets(program: bytes, arguments: tuple[int, ...], answer: int) -> None:
    assert _run(program, _NUMBERS["socket"], *arguments) == answer


def test_other_arguments(program: bytes) -> None:
    assert _run(program, _NUMBERS["ioctl"], 0, 0x5401) == _ALLOW
    assert _run(program, _NUMBERS["ioctl"], 0, 0x5412) == _refused(errno.EPERM)
    assert _run(program, _NUMBERS["ioctl"], 0, 0x5412 | 1 << 32) == _refused(errno.EPERM)  # the kernel drops the rest
    assert _run(program, _NUMBERS["prlimit64"], 0) == _ALLOW
    assert _run(program, _NUMBERS["prlimit64"], 1) == _refused(errno.EPERM)
    assert _run(program, _NUMBERS["personality"], 0xFFFFFFFF) == _ALLOW
    assert _run(program, _NUMBERS["personality"], 0x0400000) == _refused(errno.EPERM)


def test_memory_outside_mappings_is_refused_where_nothing_counts_it() -> None:
    sampled = seccomp.build("x86_64", counted_by_cgroup=False)
    for name in ("memfd_create", "shmget"):
        assert _run(sampled, _NUMBERS[name]) == _refused(errno.ENOSYS)


def test_unknown_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="no system call table"):
        seccomp.build("vax")
