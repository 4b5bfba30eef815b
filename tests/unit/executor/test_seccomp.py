"""The filters of both architectures, run by a small BPF interpreter: which calls are allowed, with which arguments.

`syscall_numbers.csv` has the numbers of all calls (`__NR_*`) from the headers of Linux 6.12, so that no number of ours
is compared with itself.
"""

import csv
import errno
import functools
import platform
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from executor.sandbox.wall import seccomp
from executor.sandbox.wall.syscall_argument_rules import rules

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_AUDIT_ARCH_I386, _AUDIT_ARCH_ARM = 0x40000003, 0x40000028
_O_DIRECT = {"x86_64": 0x4000, "aarch64": 0x10000}
_ALLOW = 0x7FFF0000
_KILL = 0x80000000

#: Calls that expose the kernel or the host. Some exist on one architecture only.
_FORBIDDEN = (
    "acct", "add_key", "bpf", "cachestat", "chroot", "clone3", "delete_module", "fanotify_init", "finit_module",
    "fsconfig", "fsmount", "fsopen", "init_module", "inotify_init1", "io_setup", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "landlock_create_ruleset",
    "listmount", "lookup_dcookie", "memfd_secret", "migrate_pages", "mincore", "modify_ldt", "mount", "mount_setattr",
    "move_mount", "move_pages", "msgget", "name_to_handle_at", "open_by_handle_at", "open_tree", "openat2",
    "perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev",
    "ptrace", "quotactl", "quotactl_fd", "reboot", "remap_file_pages", "request_key", "sched_setattr", "seccomp",
    "semget", "set_mempolicy", "sethostname", "setns", "settimeofday", "shmget", "swapoff", "swapon", "sync", "syncfs",
    "syslog", "umount2", "unshare", "uselib", "userfaultfd", "vhangup", "vmsplice",
)  # fmt: skip


#: The types of files in a mode (inode(7)).
_FORMATS = {
    "plain": 0o100000, "unspecified": 0, "FIFO": 0o010000, "socket": 0o140000,
    "character device": 0o020000, "block device": 0o060000, "folder": 0o040000, "link": 0o120000,
    "none": 0o030000, "all": 0o170000,
}  # fmt: skip


def _numbers(machine: str) -> dict[str, int]:
    with (Path(__file__).parent / "syscall_numbers.csv").open() as table:
        return {row["name"]: int(row[machine]) for row in csv.DictReader(table) if row[machine]}


_NUMBERS = {machine: _numbers(machine) for machine in _AUDIT_ARCH}


def _refused(number: int) -> int:
    return 0x00050000 | number


def _run(program: bytes, arch: int, number: int, arguments: tuple[int, ...]) -> int:
    """Return the filter's answer to a call. Knows only the instructions that our filters use."""
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


@dataclass(frozen=True)
class _Filter:
    machine: str
    program: bytes

    def answer(self, name: str, *arguments: int) -> int:
        return self.to_number(_NUMBERS[self.machine][name], *arguments)

    def to_number(self, number: int, *arguments: int) -> int:
        return _run(self.program, _AUDIT_ARCH[self.machine], number, arguments)

    def allowed(self, *arguments: int) -> set[str]:
        """Return the names of the calls that are allowed with these arguments."""
        return {name for name in _NUMBERS[self.machine] if self.answer(name, *arguments) == _ALLOW}


@functools.cache
def _of_programs(machine: str) -> _Filter:
    return _Filter(machine, seccomp.build(machine))


@pytest.fixture(params=_AUDIT_ARCH)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def programs(machine: str) -> _Filter:
    return _of_programs(machine)


_CLONE_NEWNS, _CLONE_NEWCGROUP, _CLONE_NEWUSER, _CLONE_NEWNET = 0x20000, 0x2000000, 0x10000000, 0x40000000


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_the_numbers_match_the_headers_of_this_machine() -> None:
    words = ["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"]
    macros = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    lines = (line.split() for line in macros.splitlines())
    defined = {name: number for _, name, number in (line for line in lines if len(line) == 3)}
    ours = _NUMBERS[platform.machine()]
    assert "__NR_read" in defined
    for name in {name for name in ours if defined.get(f"__NR_{name}", "").isdigit()}:
        assert int(defined[f"__NR_{name}"]) == ours[name], name


def test_architectures_allow_the_same_calls_if_they_have_them(machine: str) -> None:
    assert seccomp.allowed(machine).items() <= _NUMBERS[machine].items()
    names = {name for other in _AUDIT_ARCH for name in seccomp.allowed(other)}
    assert set(seccomp.allowed(machine)) == names & set(_NUMBERS[machine])


def test_the_wall_allows_calls_of_programs_and_of_the_keeper(machine: str) -> None:
    wall = _Filter(machine, seccomp.for_the_wall(machine))
    ours = {"mount", "unshare", "sethostname", "clone3", "setns"}
    assert wall.allowed(0, _CLONE_NEWNET) == {*seccomp.allowed(machine), *ours}
    assert wall.answer("setns", 0, _CLONE_NEWUSER) == _refused(errno.EPERM)


def test_process_one_may_only_call_what_programs_call(machine: str) -> None:
    process_one = _Filter(machine, seccomp.for_process_one(machine))
    assert process_one.allowed(_CLONE_NEWUSER) == {*seccomp.allowed(machine)}


def test_calls_without_rules_are_answered_by_the_table(programs: _Filter) -> None:
    allowed = set(seccomp.allowed(programs.machine))
    for name in set(_NUMBERS[programs.machine]) - set(rules(programs.machine)):
        assert programs.answer(name) == (_ALLOW if name in allowed else _refused(errno.ENOSYS)), name


def test_dangerous_calls_do_not_exist(programs: _Filter) -> None:
    assert set(_FORBIDDEN) <= set(_NUMBERS["x86_64"])
    for name in set(_FORBIDDEN) & set(_NUMBERS[programs.machine]):
        assert programs.answer(name) == _refused(errno.ENOSYS), name


def test_unused_numbers_do_not_exist(programs: _Filter) -> None:
    taken = set(_NUMBERS[programs.machine].values())
    for number in {*range(1000), 9999, 0x40000000, 0x40000027, 0xFFFFFFFF} - taken:
        assert programs.to_number(number) == _refused(errno.ENOSYS), number


@pytest.mark.parametrize("build", [seccomp.build, seccomp.for_process_one, seccomp.for_the_wall])
def test_calls_of_another_architecture_kill(machine: str, build: Callable[[str], bytes]) -> None:
    for arch in {_AUDIT_ARCH_I386, _AUDIT_ARCH_ARM, *_AUDIT_ARCH.values()} - {_AUDIT_ARCH[machine]}:
        assert _run(build(machine), arch, _NUMBERS[machine]["read"], ()) == _KILL
    assert _run(build(machine), _AUDIT_ARCH[machine], _NUMBERS[machine]["read"], ()) == _ALLOW


def test_clone_makes_threads_but_no_namespaces(programs: _Filter) -> None:
    assert programs.answer("clone", 0x3D0F00) == _ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert programs.answer("clone", flag | 17) == _refused(errno.EPERM)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((1, 1, 0), _ALLOW),
        ((2, 1, 0), _ALLOW),
        ((2, 0x80002, 17), _ALLOW),
        ((10, 0x801, 6), _refused(errno.EAFNOSUPPORT)),
        ((16, 3, 0), _ALLOW),
        ((16, 3, 12), _refused(errno.EAFNOSUPPORT)),
        ((2, 3, 0), _refused(errno.EPERM)),
        ((2, 0x80003, 255), _refused(errno.EPERM)),
        ((10, 2, 0), _refused(errno.EAFNOSUPPORT)),
        ((10, 3, 58), _refused(errno.EAFNOSUPPORT)),
        ((2, 1, 132), _refused(errno.EAFNOSUPPORT)),
        ((2, 5, 0), _refused(errno.EAFNOSUPPORT)),  # SOCK_SEQPACKET is SCTP's, where that is loaded
        ((2, 6, 0), _refused(errno.EAFNOSUPPORT)),
        ((2, 1, 262), _refused(errno.EAFNOSUPPORT)),
        ((17, 3, 0), _refused(errno.EAFNOSUPPORT)),
        ((40, 1, 0), _refused(errno.EAFNOSUPPORT)),
    ],
)
def test_sockets_are_filtered_by_their_arguments(programs: _Filter, arguments: tuple[int, ...], answer: int) -> None:
    assert programs.answer("socket", *arguments) == answer


_SOL_SOCKET, _SOL_IP, _SOL_TCP, _SOL_UDP = 1, 0, 6, 17
_OUT_OF_BAND = 1


def _other_arguments(direct: int) -> list[tuple[str, tuple[int, ...], int]]:
    """Return calls with their answers. `direct` is O_DIRECT."""
    return [
        ("fcntl", (0, 1030), _ALLOW),  # F_DUPFD_CLOEXEC
        ("fcntl", (0, 6), _ALLOW),  # F_SETLK
        ("fcntl", (0, 4, 0x800), _ALLOW),  # F_SETFL, O_NONBLOCK
        ("fcntl", (0, 4, direct), errno.EINVAL),
        *(("fcntl", (0, command), errno.EPERM) for command in (8, 10, 15, 1024, 1025, 1026, 1031, 1035, 1036, 1040)),
        ("open", (0, 0x80000), _ALLOW),
        ("open", (0, direct), errno.EINVAL),
        ("openat", (0, 0, 0x80000 | direct), errno.EINVAL),
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
        *((name, (clock,), _ALLOW) for name in ("timer_create", "clock_nanosleep") for clock in (0, 1, 7, 9, 11)),
        # PROCESS_CPUTIME_ID, THREAD_CPUTIME_ID, and the clocks of other processes
        *(
            (name, (clock,), errno.EOPNOTSUPP)
            for name in ("timer_create", "clock_nanosleep")
            for clock in (2, 3, 0xFFFFFFFA, 0xFFFFFFFFFFFFFFFE)
        ),
        ("pipe2", (0, 0x80880), errno.EINVAL),
        ("pipe2", (0, 0x80800), _ALLOW),
        *((name, (0, 1), errno.EINVAL) for name in ("sendfile", "splice", "tee")),
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
        # TIOCSTI, also with a bit that the kernel drops, TIOCLINUX, TIOCSETD, TIOCCONS, FIOASYNC, FIEMAP, FICLONE
        *(
            ("ioctl", (0, request), errno.ENOTTY)
            for request in (0x5412, 0x5412 | 1 << 32, 0x541C, 0x5423, 0x541D, 0x5452, 0xC020660B, 0x40049409)
        ),
        # The kernel looks at the lower 16 bits of the mode.
        *(
            (
                name,
                (*path, mode | permissions),
                _ALLOW if kind in ("plain", "unspecified", "FIFO", "socket") else errno.EPERM,
            )
            for name, path in (("mknod", (0,)), ("mknodat", (0, 0)))
            for kind, mode in _FORMATS.items()
            for permissions in (0, 0o7777, 1 << 16, 1 << 32)
        ),
        ("prlimit64", (0,), _ALLOW),
        ("prlimit64", (0, 7, 0x1000), _ALLOW),  # RLIMIT_NOFILE
        ("prlimit64", (0, 4, 0, 0x1000), _ALLOW),  # RLIMIT_CORE is read, not set
        ("prlimit64", (0, 4, 0x1000), errno.EPERM),
        ("prlimit64", (0, 4, 0x7F00_0000_0000), errno.EPERM),
        ("setrlimit", (4,), errno.EPERM),
        ("setrlimit", (7,), _ALLOW),
        ("prlimit64", (1,), errno.EPERM),
        ("personality", (0xFFFFFFFF,), _ALLOW),
        ("personality", (0x0400000,), errno.EPERM),
    ]


@pytest.mark.parametrize(
    ("machine", "name", "arguments", "answer"),
    [
        (machine, *case)
        for machine, direct in _O_DIRECT.items()
        for case in _other_arguments(direct)
        if case[0] in _NUMBERS[machine]
    ],
)
def test_other_calls_are_filtered_by_their_arguments(
    programs: _Filter, name: str, arguments: tuple[int, ...], answer: int
) -> None:
    assert programs.answer(name, *arguments) == (answer if answer == _ALLOW else _refused(answer))


def test_o_directory_of_one_machine_is_not_o_direct_of_another() -> None:
    assert _of_programs("aarch64").answer("openat", 0, 0, _O_DIRECT["x86_64"]) == _ALLOW


def test_every_rule_is_for_an_allowed_call(machine: str) -> None:
    assert set(rules(machine)) & set(_NUMBERS[machine]) <= set(seccomp.allowed(machine))
    assert set(rules(machine)) <= {name for numbers in _NUMBERS.values() for name in numbers}


def test_unmapped_memory_needs_a_cgroup(programs: _Filter) -> None:
    sampled = _Filter(programs.machine, seccomp.build(programs.machine, counted_by_cgroup=False))
    assert programs.answer("memfd_create") == _ALLOW
    assert sampled.answer("memfd_create") == _refused(errno.ENOSYS)


def test_unknown_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="no system call table"):
        seccomp.build("vax")
