"""The filter of system calls that every program in a box runs under, as a classic BPF program (seccomp(2)), and a
small one for everything inside the wall.

`allowed_syscalls.csv` lists what may be called, with its number on each architecture; all else, and whatever a newer
kernel adds, answers ENOSYS ("this kernel does not have it"), for which programs and libraries have a way out: glibc
falls back from `clone3`, libuv from io_uring. A few calls depend on their arguments and answer EPERM or EAFNOSUPPORT.
No library is needed for this: a filter is a list of 8-byte instructions, and ours has no loops.
"""

import csv
import errno
import platform
import struct
from dataclasses import dataclass
from importlib import resources

#: AUDIT_ARCH_* of linux/audit.h
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_KILL_PROCESS = 0x80000000
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000

# struct seccomp_data { int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]; }, little endian
_NUMBER, _ARCH = 0, 4
_ARGUMENT_LOW = tuple(16 + 8 * index for index in range(6))

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45

#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACE_FLAGS = 0x7E020000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_TYPE_MASK, _SOCK_RAW, _SOCK_PACKET = 0xF, 3, 10
_IPPROTO_DEFAULT, _IPPROTO_TCP, _IPPROTO_UDP = 0, 6, 17
_TIOCSTI, _TIOCSETD, _TIOCLINUX = 0x5412, 0x5423, 0x541C
_F_NOTIFY = 0x402
_PR_SET_SECCOMP = 22
_F_OFD_SETLK, _F_OFD_SETLKW = 37, 38
_SOL_SOCKET, _SO_SNDBUF, _SO_RCVBUF = 1, 7, 8
_PERSONALITY_QUERY, _PERSONALITY_LINUX = 0xFFFFFFFF, 0

#: The same on every architecture.
_IO_URING_SETUP = 425

#: Memory that no process needs to have mapped escapes a watchdog that adds up mappings; a cgroup counts it.
_UNMAPPED_MEMORY = frozenset({"memfd_create", "shmget", "msgget", "msgsnd"})


@dataclass(frozen=True)
class _Jump:
    """Compare the accumulator; fall through when it does not match, else go to the label."""

    kind: int
    value: int
    label: str


@dataclass(frozen=True)
class _Plain:
    code: int
    value: int


@dataclass(frozen=True)
class _Label:
    name: str


_Line = _Jump | _Plain | _Label


def build(machine: str | None = None, *, counted_by_cgroup: bool = True) -> bytes:
    """The program for an architecture, by default this machine's; ValueError when it is not known."""
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise ValueError(f"no system call table for {machine}; known are {', '.join(_ARCHITECTURES)}")
    numbers = allowed(machine)
    rules = _argument_rules()
    if not counted_by_cgroup:
        numbers = {name: number for name, number in numbers.items() if name not in _UNMAPPED_MEMORY}
        rules |= _countable()
    return _assemble(_program(_ARCHITECTURES[machine], numbers, rules))


def for_the_wall() -> bytes:
    """No io_uring for a runtime that programs are forked from: its rings would be theirs in common, and none can have
    one of its own."""
    return _assemble(
        [
            _Plain(_LOAD, _NUMBER),
            _Jump(_EQUAL, _IO_URING_SETUP, "absent"),
            _Plain(_RETURN, _ALLOW),
            _Label("absent"),
            _Plain(_RETURN, _ERRNO | errno.ENOSYS),
        ]
    )


def allowed(machine: str) -> dict[str, int]:
    """The calls of the table by name, with their numbers on an architecture."""
    table = resources.files(__package__).joinpath("allowed_syscalls.csv").read_text()
    return {row["name"]: int(row[machine]) for row in csv.DictReader(table.splitlines()) if row[machine]}


def _program(architecture: int, numbers: dict[str, int], rules: dict[str, list[_Line]]) -> list[_Line]:
    lines: list[_Line] = [
        _Plain(_LOAD, _ARCH),
        _Jump(_EQUAL, architecture, "native"),
        _Plain(_RETURN, _KILL_PROCESS),
        _Label("native"),
        _Plain(_LOAD, _NUMBER),
    ]
    lines += [_Jump(_EQUAL, numbers[name], name) for name in rules if name in numbers]
    lines += _ranges(sorted(number for name, number in numbers.items() if name not in rules))
    for name, rule in rules.items():
        if name in numbers:
            lines += [_Label(name), *rule]
    endings = {"allow": _ALLOW, "absent": _ERRNO | errno.ENOSYS, "refuse": _ERRNO | errno.EPERM}
    others = {"no family": _ERRNO | errno.EAFNOSUPPORT, "invalid": _ERRNO | errno.EINVAL, "ignore": _ERRNO}
    for name, action in {**endings, **others}.items():
        lines += [_Label(name), _Plain(_RETURN, action)]
    return lines


def _ranges(numbers: list[int]) -> list[_Line]:
    """The accumulator is in one of the runs of consecutive numbers: go to `allow`, else to `absent`."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return [_Jump(_AT_LEAST, runs[0][0], "first"), *_go("absent"), _Label("first"), *_search(runs)]


def _search(runs: list[tuple[int, int]]) -> list[_Line]:
    """By halves, since the kernel walks through the filter once for every number there is, each time that it is
    installed. The accumulator is not below the first of the runs."""
    if len(runs) == 1:
        return [_Jump(_AT_LEAST, runs[0][1], "absent"), *_go("allow")]
    middle = len(runs) // 2
    upper = f"from {runs[middle][0]}"
    return [_Jump(_AT_LEAST, runs[middle][0], upper), *_search(runs[:middle]), _Label(upper), *_search(runs[middle:])]


def _argument_rules() -> dict[str, list[_Line]]:
    first, second, third = _ARGUMENT_LOW[:3]
    return {
        # Threads and processes, but no new namespaces: those would bring capabilities back.
        "clone": [
            _Plain(_LOAD, first),
            _Jump(_ANY_BIT, _NAMESPACE_FLAGS, "refuse"),
            *_go("allow"),
        ],
        "socket": [
            _Plain(_LOAD, first),
            _Jump(_EQUAL, _AF_UNIX, "allow"),
            _Jump(_EQUAL, _AF_INET, "inet"),
            _Jump(_EQUAL, _AF_INET6, "inet"),
            _Jump(_EQUAL, _AF_NETLINK, "netlink"),
            *_go("no family"),
            _Label("inet"),
            _Plain(_LOAD, second),
            _Plain(_AND, _SOCK_TYPE_MASK),
            _Jump(_EQUAL, _SOCK_RAW, "refuse"),
            _Jump(_EQUAL, _SOCK_PACKET, "refuse"),
            _Plain(_LOAD, third),
            *(_Jump(_EQUAL, known, "allow") for known in (_IPPROTO_DEFAULT, _IPPROTO_TCP, _IPPROTO_UDP)),
            *_go("no family"),
            # Only NETLINK_ROUTE: getifaddrs(3) asks there which addresses there are.
            _Label("netlink"),
            _Plain(_LOAD, third),
            _Jump(_EQUAL, 0, "allow"),
            *_go("no family"),
        ],
        "socketpair": [_Plain(_LOAD, first), _Jump(_EQUAL, _AF_UNIX, "allow"), *_go("no family")],
        # Typing into a terminal, or changing its line discipline.
        "ioctl": [
            _Plain(_LOAD, second),
            *(_Jump(_EQUAL, request, "refuse") for request in (_TIOCSTI, _TIOCSETD, _TIOCLINUX)),
            *_go("allow"),
        ],
        # Being told who opens what in a folder that all boxes see (F_NOTIFY; inotify is not in the list at all).
        "fcntl": [_Plain(_LOAD, second), _Jump(_EQUAL, _F_NOTIFY, "refuse"), *_go("allow")],
        # One's own limits, not those of process 1, which has the same user where the executor is not root.
        "prlimit64": [_Plain(_LOAD, first), _Jump(_EQUAL, 0, "allow"), *_go("refuse")],
        # No filters of its own: the kernel compiles them, into memory that is limited for the whole machine, ours too.
        "prctl": [_Plain(_LOAD, first), _Jump(_EQUAL, _PR_SET_SECCOMP, "invalid"), *_go("allow")],
        "personality": [
            _Plain(_LOAD, first),
            _Jump(_EQUAL, _PERSONALITY_QUERY, "allow"),
            _Jump(_EQUAL, _PERSONALITY_LINUX, "allow"),
            *_go("refuse"),
        ],
    }


def _countable() -> dict[str, list[_Line]]:
    """Where no cgroup counts the kernel's memory: buffers of sockets stay as large as they come (what is asked for is a
    hint, socket(7)), and there is no lock of which /proc/locks does not tell whose it is."""
    second, third = _ARGUMENT_LOW[1:3]
    return {
        "setsockopt": [
            _Plain(_LOAD, second),
            _Jump(_EQUAL, _SOL_SOCKET, "of sockets"),
            *_go("allow"),
            _Label("of sockets"),
            _Plain(_LOAD, third),
            *(_Jump(_EQUAL, option, "ignore") for option in (_SO_SNDBUF, _SO_RCVBUF)),
            *_go("allow"),
        ],
        "fcntl": [
            _Plain(_LOAD, second),
            *(_Jump(_EQUAL, command, "invalid") for command in (_F_OFD_SETLK, _F_OFD_SETLKW)),
            *_argument_rules()["fcntl"],
        ],
    }


def _go(label: str) -> list[_Line]:
    """An unconditional jump: everything is at least 0."""
    return [_Jump(_AT_LEAST, 0, label)]


def _assemble(lines: list[_Line]) -> bytes:
    """Resolve labels. A conditional jump reaches 255 instructions, so each is a test over one unconditional jump."""
    addresses: dict[str, int] = {}
    position = 0
    for line in lines:
        if isinstance(line, _Label):
            addresses[line.name] = position
        else:
            position += 2 if isinstance(line, _Jump) else 1
    code: list[tuple[int, int, int, int]] = []
    for line in lines:
        if isinstance(line, _Plain):
            code.append((line.code, 0, 0, line.value))
        elif isinstance(line, _Jump):
            code.append((line.kind, 0, 1, line.value))
            code.append((0x05, 0, 0, addresses[line.label] - len(code) - 1))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
