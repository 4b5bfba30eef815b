"""Copies values between the two boxes, as JSON. What is no plain value goes by a handle, which the caller makes.

Plain JSON stands for None, bool, str, small int, finite float and list. All else is an object with one tag. In a
request the mutable arguments have numbers (`n`), so that both sides know which object an answer or an argument means.
"""

import base64
import builtins
import collections
import datetime
import decimal
import fractions
import itertools
import math
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

#: Bounds of one message.
MAX_LINE: Final = 8 << 20
MAX_DEPTH: Final = 200
MAX_ITEMS: Final = 1_000_000
#: The most objects of the program that the tests may hold.
MAX_HANDLES: Final = 100_000
#: The bits of an integer of 100,000 digits.
_MAX_BITS: Final = 332_193
_SMALL: Final = 1 << 53
_MUTABLE: Final = (list, dict, set, bytearray, collections.deque)
#: Functions that run code, or read the names of their caller. They are never copied to the other box.
_NOT_COPIED: Final = frozenset(
    {"__build_class__", "__import__", "breakpoint", "compile", "dir", "eval", "exec", "globals", "locals", "vars"}
)
#: Types and functions of the language that are copied by their names. No student's exception becomes another one here.
BUILTINS: Final = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type | types.BuiltinFunctionType) and name not in _NOT_COPIED
}
_BUILTIN_NAMES: Final = {id(value): name for name, value in BUILTINS.items() if name == value.__name__}
_NAMEDTUPLES: dict[tuple[str, ...], Any] = {}


class BrokenProtocol(Exception):
    """The other side has sent what no honest one sends."""


class _Kind(NamedTuple):
    """A type that is copied: its tag, the parts of a value, and what makes a value of parts. A subclass becomes it."""

    tag: str
    parts: Callable[[Any], Iterable[Any]]
    make: Callable[[list[Any]], Any]
    is_plain: bool = True


#: The types of parts of a plain value: no handle is asked anything while it is made.
_PLAIN: Final = (int, float, str, datetime.timedelta, type(None))


def _digits_of(value: int) -> list[str]:
    if int.bit_length(value) > _MAX_BITS:
        raise ValueError("It has more than 100,000 digits in a number.")
    return [int.__format__(value, "x")]


def _zone(offset: datetime.timedelta | None) -> datetime.timezone | None:
    return None if offset is None else datetime.timezone(offset)


def _make_namedtuple(parts: list[Any]) -> Any:
    names, *items = parts
    if type(names) is not tuple or any(type(name) is not str for name in names):
        raise BrokenProtocol("no names")
    if names not in _NAMEDTUPLES:
        if len(_NAMEDTUPLES) > 1000:
            raise BrokenProtocol("too many kinds of tuples")
        _NAMEDTUPLES[names] = collections.namedtuple(names[0], names[1:])
    return _NAMEDTUPLES[names](*items)


def _encoded(value: Any) -> list[str]:
    return [base64.b64encode(value).decode()]


_KINDS: Final[dict[type, _Kind]] = {
    list: _Kind("list", list.__iter__, list, False),
    dict: _Kind("dict", lambda value: itertools.chain.from_iterable(dict.items(value)),
                lambda parts: dict(zip(parts[::2], parts[1::2], strict=True)), False),
    set: _Kind("set", set.__iter__, set, False),
    frozenset: _Kind("frozenset", frozenset.__iter__, frozenset, False),
    tuple: _Kind("tuple", tuple.__iter__, tuple, False),
    slice: _Kind("slice", lambda value: (value.start, value.stop, value.step), lambda parts: slice(*parts), False),
    collections.deque: _Kind("deque", lambda value: (value.maxlen, *collections.deque.__iter__(value)),
                             lambda parts: collections.deque(parts[1:], parts[0]), False),
    bytearray: _Kind("bytearray", _encoded, lambda parts: bytearray(base64.b64decode(*parts))),
    bytes: _Kind("bytes", _encoded, lambda parts: base64.b64decode(*parts)),
    int: _Kind("int", _digits_of, lambda parts: int(parts[0], 16)),
    float: _Kind("float", lambda value: [float.__repr__(value)], lambda parts: float(*parts)),
    str: _Kind("str", lambda value: [str.__str__(value)], lambda parts: str(*parts)),
    complex: _Kind("complex", lambda value: (value.real, value.imag), lambda parts: complex(*parts)),
    range: _Kind("range", lambda value: (value.start, value.stop, value.step), lambda parts: range(*parts)),
    type(...): _Kind("ellipsis", lambda value: (), lambda parts: ...),
    decimal.Decimal: _Kind("decimal", lambda value: [decimal.Decimal.__str__(value)],
                           lambda parts: decimal.Decimal(*parts)),
    fractions.Fraction: _Kind("fraction", lambda value: (value.numerator, value.denominator),
                              lambda parts: fractions.Fraction(*map(int, parts))),
    datetime.datetime: _Kind("datetime", lambda value: (*value.timetuple()[:6], value.microsecond, value.utcoffset()),
                             lambda parts: datetime.datetime(*parts[:7]).replace(tzinfo=_zone(parts[7]))),  # noqa: DTZ001
    datetime.date: _Kind("date", lambda value: (value.year, value.month, value.day),
                         lambda parts: datetime.date(*parts)),
    datetime.time: _Kind("time",
                         lambda value: (value.hour, value.minute, value.second, value.microsecond, value.utcoffset()),
                         lambda parts: datetime.time(*parts[:4]).replace(tzinfo=_zone(parts[4]))),
    datetime.timedelta: _Kind("timedelta", lambda value: (value.days, value.seconds, value.microseconds),
                              lambda parts: datetime.timedelta(*parts)),
    uuid.UUID: _Kind("uuid", lambda value: [value.hex], lambda parts: uuid.UUID(*parts)),
}  # fmt: skip
_NAMEDTUPLE: Final = _Kind(
    "namedtuple",
    lambda value: ((type(value).__name__, *type(value)._fields), *tuple.__iter__(value)),
    _make_namedtuple,
    is_plain=False,
)
_OF_TAG: Final = {kind.tag: kind for kind in (*_KINDS.values(), _NAMEDTUPLE)}


def _kind_of(value: Any) -> _Kind | None:
    """Return how a value is copied; None if it is not."""
    found = next((_KINDS[base] for base in type(value).__mro__ if base in _KINDS), None)
    fields = getattr(type(value), "_fields", None)
    is_named = found is _KINDS[tuple] and type(fields) is tuple and len(fields) == tuple.__len__(value)
    return _NAMEDTUPLE if is_named else found


class Packer:
    """Packs the values of one message. `other` packs what is no plain value. If it tracks, mutable values get numbers
    as they come; else those that have one are named by it."""

    def __init__(self, other: Callable[[Any], Any], known: Iterable[Any] = (), *, tracks: bool = False) -> None:
        self._other = other
        self._tracks = tracks
        self.known: list[Any] = list(known)
        self._numbers = {id(value): number for number, value in enumerate(self.known)}
        self._open: set[int] = set()
        self._items = 0

    def pack(self, value: Any) -> Any:
        """Return what stands for the value in JSON. Raises ValueError beyond a bound."""
        own = type(value)
        if own is str or own is bool or value is None or (own is int and -_SMALL < value < _SMALL):
            return value
        if own is float and math.isfinite(value):
            return value
        if id(value) in self._open:
            raise ValueError("It contains itself, and cannot be copied.")
        if id(value) in _BUILTIN_NAMES:
            return {"builtin": _BUILTIN_NAMES[id(value)]}
        if id(value) in self._numbers:
            return {"same": self._numbers[id(value)]}
        kind = _kind_of(value)
        if kind is None:
            return self._other(value)
        if self._tracks and isinstance(value, _MUTABLE):
            self._numbers[id(value)] = number = len(self.known)
            self.known.append(value)
            return {kind.tag: self._parts(kind, value), "n": number}
        parts = self._parts(kind, value)
        return parts if kind.tag == "list" else {kind.tag: parts}

    def contents(self, value: Any) -> dict[str, Any]:
        """Return the tag of a mutable value with its parts."""
        kind = _kind_of(value)
        assert kind
        return {kind.tag: self._parts(kind, value)}

    def _parts(self, kind: _Kind, value: Any) -> list[Any]:
        if len(self._open) >= MAX_DEPTH:
            raise ValueError(f"It has more than {MAX_DEPTH} levels.")
        self._open.add(id(value))
        packed = []
        try:
            for part in kind.parts(value):
                self._items += 1
                if self._items > MAX_ITEMS:
                    raise ValueError(f"It has more than {MAX_ITEMS:,} items.")
                packed.append(self.pack(part))
        finally:
            self._open.discard(id(value))
        return packed


class Unpacker:
    """Makes values of the JSON of one message. `other` makes what has a tag that is not known here."""

    def __init__(self, other: Callable[[str, Any], Any], known: Iterable[Any] = ()) -> None:
        self._other = other
        self._numbered = dict(enumerate(known))
        self._items = 0

    @property
    def known(self) -> list[Any]:
        """The values that have numbers."""
        return [self._numbered[number] for number in range(len(self._numbered))]

    def unpack(self, data: Any, depth: int = 0) -> Any:
        """Return the value. Raises any exception if the data are not those of an honest side."""
        if data is None or type(data) in (str, int, float, bool):
            return data
        if depth > MAX_DEPTH + 1:
            raise BrokenProtocol("too deep")
        if isinstance(data, list):
            data = {"list": data}
        number = data.pop("n", None)
        ((tag, content),) = data.items()
        if tag == "same":
            return self._numbered[content]
        if tag == "builtin":
            return BUILTINS[content]
        kind = _OF_TAG.get(tag)
        if kind is None:
            return self._other(tag, content)
        self._items += len(content)
        if self._items > 2 * MAX_ITEMS:
            raise BrokenProtocol("too many items")
        parts = [self.unpack(part, depth + 1) for part in content]
        if kind.is_plain and any(type(part) not in _PLAIN for part in parts):
            raise BrokenProtocol("no plain part")
        value = kind.make(parts)
        if number is not None:
            self._numbered[number] = value
        return value


def restore(target: Any, source: Any) -> None:
    """Give a mutable value the contents of another one of its type."""
    if not any(isinstance(target, kind) and isinstance(source, kind) for kind in _MUTABLE):
        raise BrokenProtocol("another type")
    target.clear()
    (target.update if isinstance(target, dict | set) else target.extend)(source)
