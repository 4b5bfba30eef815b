"""The filters of system calls, as classic BPF programs (seccomp(2)): one for programs, one for process 1 of a box, and
one for everything inside the wall.

`allowed_syscalls.csv` lists what may be called, with its number on each architecture. Every other call, and every call
that a newer kernel adds, answers ENOSYS ("this kernel does not have it"). Programs and libraries have a fallback for
that: glibc falls back from `clone3`, libuv from io_uring. Some calls depend on their arguments
(`syscall_argument_rules.py`). No library is needed for this: a filter is a list of 8-byte instructions, and ours has no
loops.
"""

import csv
import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from importlib import resources

from executor.sandbox.wall.syscall_argument_rules import ALLOW, Allow, IfBits, ReturnErrno, Rule, Switch, rules

#: AUDIT_ARCH_* of linux/audit.h
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_THIS_MACHINE = platform.machine()

_KILL_PROCESS = 0x80000000
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000

# struct seccomp_data { int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]; }, little endian
_NUMBER, _ARCH = 0, 4
_ARGUMENT_LOW = tuple(16 + 8 * index for index in range(6))
_HALF = 4

_LOAD, _AND, _GO, _RETURN = 0x20, 0x54, 0x05, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_MAX_JUMP = 255
_ALL_BITS = 0xFFFFFFFF

#: Further calls of our own code, to make a box. Without `clone3`, glibc's posix_spawn leaves some signals ignored.
_MAKE_BOXES = {
    "mount": {"x86_64": 165, "aarch64": 40},
    "sethostname": {"x86_64": 170, "aarch64": 161},
    "clone3": {"x86_64": 435, "aarch64": 435},
    "unshare": {"x86_64": 272, "aarch64": 97},
}
#: For the keeper, which enters a box's network namespace to list its sockets (keeper/kernel_memory.py).
_ENTER_NAMESPACES = {"setns": {"x86_64": 308, "aarch64": 268}}
_CLONE_NEWNET = 0x40000000

#: Instructions (struct sock_filter): code, jumps if true and if false, and value. The last one is a return.
_Program = list[tuple[int, int, int, int]]


def build(machine: str = _THIS_MACHINE, *, counted_by_cgroup: bool = True) -> bytes:
    """Return the filter of programs for an architecture. Raises ValueError if it is unknown."""
    numbers = allowed(machine)
    if not counted_by_cgroup:
        del numbers["memfd_create"]  # no process needs to map it, and a meter adds up mappings
    by_name = rules(machine, counted_by_cgroup=counted_by_cgroup)
    return _filter(machine, {number: by_name.get(name, ALLOW) for name, number in numbers.items()})


def for_process_one(machine: str = _THIS_MACHINE) -> bytes:
    """Return the filter that process 1 gets when its box is made: the calls of programs, with any arguments."""
    return _filter(machine, dict.fromkeys(allowed(machine).values(), ALLOW))


def for_the_wall(machine: str = _THIS_MACHINE) -> bytes:
    """Return the filter of all processes inside the wall: the calls of programs, and those that make and measure boxes.

    It also forbids io_uring to zygotes, because programs forked from one would share its rings.
    """
    of_programs = allowed(machine).values()
    ours = [numbers[machine] for numbers in _MAKE_BOXES.values()]
    networks = Switch(1, {_CLONE_NEWNET: ALLOW}, ReturnErrno(errno.EPERM))
    calls: dict[int, Rule] = dict.fromkeys([*of_programs, *ours], ALLOW)
    return _filter(machine, {**calls, **{numbers[machine]: networks for numbers in _ENTER_NAMESPACES.values()}})


def allowed(machine: str) -> dict[str, int]:
    """Return the numbers of the table's calls on an architecture, by name. Raises ValueError if it is unknown."""
    if machine not in _ARCHITECTURES:
        raise ValueError(f"no system call table for {machine}; known are {', '.join(_ARCHITECTURES)}")
    table = resources.files(__package__).joinpath("allowed_syscalls.csv").read_text()
    return {row["name"]: int(row[machine]) for row in csv.DictReader(table.splitlines()) if row[machine]}


def _filter(machine: str, calls: Mapping[int, Rule]) -> bytes:
    of_machine = _branch(_EQUAL, [_ARCHITECTURES[machine]], _by_number(calls), [_return(_KILL_PROCESS)])
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in [_load(_ARCH), *of_machine])


def _by_number(calls: Mapping[int, Rule]) -> _Program:
    """Return the code that decides by the number of a call. A call without a rule gets ENOSYS."""
    absent = ReturnErrno(errno.ENOSYS)
    edges = [(0, calls.get(0, absent))]
    for number in sorted({*calls, *(number + 1 for number in calls)}):
        rule = calls.get(number, absent)
        if rule is not edges[-1][1]:
            edges.append((number, rule))
    return [_load(_NUMBER), *_search(edges)]


def _search(edges: list[tuple[int, Rule]]) -> _Program:
    """Return a binary search over `edges`. Numbers from one edge up to the next have one rule.

    The search is binary because the kernel runs through a filter once for every number, each time it is installed.
    """
    if len(edges) == 1:
        return _apply(edges[0][1])
    middle = len(edges) // 2
    return _branch(_AT_LEAST, [edges[middle][0]], _search(edges[middle:]), _search(edges[:middle]))


def _apply(rule: Rule) -> _Program:
    match rule:
        case Allow():
            return [_return(_ALLOW)]
        case ReturnErrno(number):
            return [_return(_ERRNO | number)]
        case IfBits():
            argument = _ARGUMENT_LOW[rule.argument] + (_HALF if rule.high else 0)
            return [_load(argument), *_branch(_ANY_BIT, [rule.bits], _apply(rule.answer), _apply(rule.otherwise))]
        case Switch():
            values: dict[int, list[int]] = {}
            for value, case in rule.cases.items():
                values.setdefault(id(case), []).append(value)
            code = _apply(rule.otherwise)
            for equal in values.values():
                code = _branch(_EQUAL, equal, _apply(rule.cases[equal[0]]), code)
            mask = [] if rule.mask == _ALL_BITS else [(_AND, 0, 0, rule.mask)]
            return [_load(_ARGUMENT_LOW[rule.argument]), *mask, *code]


def _branch(comparison: int, values: Sequence[int], then: _Program, otherwise: _Program) -> _Program:
    """Return the code that goes on with `then` if a comparison with one of the values is true, else with `otherwise`.

    A conditional jump reaches 255 instructions. For a target further away an unconditional jump follows it, which is
    skipped if the condition is false.
    """
    code = otherwise
    for value in values:
        distance = len(code)
        is_near = distance <= _MAX_JUMP
        jump = [(comparison, distance, 0, value)] if is_near else [(comparison, 0, 1, value), (_GO, 0, 0, distance)]
        code = [*jump, *code]
    return [*code, *then]


def _load(offset: int) -> tuple[int, int, int, int]:
    return _LOAD, 0, 0, offset


def _return(answer: int) -> tuple[int, int, int, int]:
    return _RETURN, 0, 0, answer
