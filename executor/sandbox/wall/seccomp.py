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
import itertools
import platform
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Plain:
    code: int
    value: int


@dataclass(frozen=True)
class _Jump:
    """Go to the label, if the accumulator matches or if `kind` is `_GO`."""

    kind: int
    value: int
    label: str


#: A line that is a text is a label, which names the next line.
_Line = _Plain | _Jump | str


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


def _filter(machine: str, calls: dict[int, Rule]) -> bytes:
    return _assemble(
        [
            _Plain(_LOAD, _ARCH),
            _Jump(_EQUAL, _ARCHITECTURES[machine], "native"),
            _Plain(_RETURN, _KILL_PROCESS),
            "native",
            *_Compiler().program(calls),
        ]
    )


class _Compiler:
    """Turns rules into lines of a program, and names their labels."""

    def __init__(self) -> None:
        self._labels: Iterator[str] = map(str, itertools.count())

    def program(self, calls: dict[int, Rule]) -> list[_Line]:
        """Return the lines that decide by the number of a call. A call without a rule gets ENOSYS."""
        absent = ReturnErrno(errno.ENOSYS)
        edges = [(0, calls.get(0, absent))]
        for number in sorted({*calls, *(number + 1 for number in calls)}):
            rule = calls.get(number, absent)
            if rule is not edges[-1][1]:
                edges.append((number, rule))
        rest: list[_Line] = []
        return [_Plain(_LOAD, _NUMBER), *self._search(edges, rest), *rest]

    def _search(self, edges: list[tuple[int, Rule]], rest: list[_Line]) -> list[_Line]:
        """Return a binary search over `edges`. Numbers from one edge up to the next have one rule.

        The search is binary because the kernel runs through a filter once for every number, each time it is installed.
        """
        if len(edges) == 1:
            return self._apply(edges[0][1], rest)
        middle = len(edges) // 2
        upper = next(self._labels)
        return [
            _Jump(_AT_LEAST, edges[middle][0], upper),
            *self._search(edges[:middle], rest),
            upper,
            *self._search(edges[middle:], rest),
        ]

    def _apply(self, rule: Rule, rest: list[_Line]) -> list[_Line]:
        """Return the lines that decide by a rule. Lines that can be placed elsewhere are added to `rest`."""
        match rule:
            case Allow():
                return [_Plain(_RETURN, _ALLOW)]
            case ReturnErrno(number):
                return [_Plain(_RETURN, _ERRNO | number)]
        label = next(self._labels)
        argument = _ARGUMENT_LOW[rule.argument]
        if isinstance(rule, IfBits) and rule.high:
            argument += _HALF
        rest += [label, _Plain(_LOAD, argument), *self._compare(rule)]
        return [_Jump(_GO, 0, label)]

    def _compare(self, rule: Switch | IfBits) -> list[_Line]:
        """Return the lines that compare an argument, which is in the accumulator."""
        if isinstance(rule, IfBits):
            return self._chain(((_ANY_BIT, rule.bits, rule.answer),), rule.otherwise)
        mask = [] if rule.mask == _ALL_BITS else [_Plain(_AND, rule.mask)]
        cases = ((_EQUAL, value, case) for value, case in rule.cases.items())
        return [*mask, *self._chain(cases, rule.otherwise)]

    def _chain(self, cases: Iterable[tuple[int, int, Rule]], otherwise: Rule) -> list[_Line]:
        """Compare with one value after the other. The targets are nearby, so a jump is one instruction."""
        labels: dict[int, tuple[str, Rule]] = {}
        comparisons: list[_Line] = []
        for kind, value, rule in cases:
            label, _ = labels.setdefault(id(rule), (next(self._labels), rule))
            comparisons.append(_Jump(kind, value, label))
        rest: list[_Line] = []
        lines = [*comparisons, *self._apply(otherwise, rest)]
        for label, rule in labels.values():
            lines += [label, *self._apply(rule, rest)]
        return [*lines, *rest]


def _assemble(lines: list[_Line]) -> bytes:
    """Return the program, with labels resolved.

    A conditional jump reaches 255 instructions. For a target further away an unconditional jump follows it, which is
    skipped if the condition is false.
    """
    far: set[int] = set()
    while True:
        positions = _positions(lines, far)
        labels = {line: position for line, position in zip(lines, positions, strict=True) if isinstance(line, str)}
        jumps = {index: line for index, line in enumerate(lines) if isinstance(line, _Jump) and line.kind != _GO}
        too_far = {index for index, line in jumps.items() if labels[line.label] - positions[index] > _MAX_JUMP}
        if too_far <= far:
            break
        far |= too_far
    code: list[tuple[int, int, int, int]] = []
    for index, line in enumerate(lines):
        match line:
            case _Plain():
                code.append((line.code, 0, 0, line.value))
            case _Jump() if index in far or line.kind == _GO:
                if index in far:
                    code.append((line.kind, 0, 1, line.value))
                code.append((_GO, 0, 0, labels[line.label] - len(code) - 1))
            case _Jump():
                code.append((line.kind, labels[line.label] - len(code) - 1, 0, line.value))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _positions(lines: list[_Line], far: set[int]) -> list[int]:
    """Return the address of every line; a label has that of the next line. Jumps in `far` take two instructions."""
    sizes = (0 if isinstance(line, str) else 2 if index in far else 1 for index, line in enumerate(lines))
    return list(itertools.accumulate(sizes, initial=0))[:-1]
