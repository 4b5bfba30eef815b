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
import math
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

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
#: Types and functions of the language that are copied by their names. No student's exception becomes another one here.
BUILTINS: Final = {
    name: value for name, value in vars(builtins).items() if isinstance(value, type | types.BuiltinFunctionType)
}
_BUILTIN_NAMES: Final = {id(value): name for name, value in BUILTINS.items() if name == value.__name__}
_NAMEDTUPLES: dict[tuple[str, ...], Any] = {}


class BrokenProtocol(Exception):
    """The other side has sent what no honest one sends."""


def _zone(offset: datetime.timedelta | None) -> float | None:
    return None if offset is None else offset.total_seconds()


def _of_zone(seconds: float | None) -> datetime.timezone | None:
    return None if seconds is None else datetime.timezone(datetime.timedelta(seconds=seconds))


def _is_namedtuple(value: Any) -> bool:
    fields = getattr(type(value), "_fields", None)
    return isinstance(value, tuple) and type(fields) is tuple and len(fields) == len(value)


def _make_namedtuple(name: str, *fields: str) -> Any:
    if (name, *fields) not in _NAMEDTUPLES:
        if len(_NAMEDTUPLES) > 1000:
            raise BrokenProtocol("too many kinds of tuples")
        _NAMEDTUPLES[name, *fields] = collections.namedtuple(name, fields)
    return _NAMEDTUPLES[name, *fields]


#: Of each kind of scalar: its tag, what stands for it, and what makes it again. A subclass becomes the base.
_SCALARS: Final[tuple[tuple[type, str, Callable[[Any], Any], Callable[[Any], Any]], ...]] = (
    (int, "int", lambda value: int.__format__(value, "x"), lambda text: int(text, 16)),
    (float, "float", float.__repr__, float),
    (str, "str", str.__str__, str),
    (complex, "complex", lambda value: [repr(value.real), repr(value.imag)], lambda two: complex(*map(float, two))),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    (range, "range", lambda value: [hex(part) for part in (value.start, value.stop, value.step)],
     lambda three: range(*(int(part, 16) for part in three))),
    (type(...), "ellipsis", lambda value: 0, lambda _: ...),
    (decimal.Decimal, "decimal", decimal.Decimal.__str__, decimal.Decimal),
    (fractions.Fraction, "fraction", lambda value: [hex(value.numerator), hex(value.denominator)],
     lambda two: fractions.Fraction(int(two[0], 16), int(two[1], 16))),
    (datetime.datetime, "datetime", lambda value: [*value.timetuple()[:6], value.microsecond, _zone(value.utcoffset())],
     lambda parts: datetime.datetime(*parts[:7]).replace(tzinfo=_of_zone(parts[7]))),  # noqa: DTZ001
    (datetime.date, "date", lambda value: [value.year, value.month, value.day], lambda parts: datetime.date(*parts)),
    (datetime.time, "time",
     lambda value: [value.hour, value.minute, value.second, value.microsecond, _zone(value.utcoffset())],
     lambda parts: datetime.time(*parts[:4]).replace(tzinfo=_of_zone(parts[4]))),
    (datetime.timedelta, "timedelta", lambda value: [value.days, value.seconds, value.microseconds],
     lambda parts: datetime.timedelta(*parts)),
    (uuid.UUID, "uuid", lambda value: value.hex, uuid.UUID),
)  # fmt: skip
_OF_TAG: Final = {tag: make for _, tag, _, make in _SCALARS}


class Packer:
    """Packs the values of one message. `other` packs what is no plain value. With `tracked`, mutable values get numbers
    as they come; without, those that have one are named by it."""

    def __init__(self, other: Callable[[Any], Any], known: Iterable[Any] = (), *, tracks: bool = False) -> None:
        self._other = other
        self._tracks = tracks
        self.known: list[Any] = list(known)
        self._numbers = {id(value): number for number, value in enumerate(self.known)}
        self._open: set[int] = set()
        self._items = 0

    def pack(self, value: Any) -> Any:
        """Return what stands for the value in JSON. Raises ValueError beyond a bound."""
        kind = type(value)
        if kind is str or kind is bool or value is None or (kind is int and -_SMALL < value < _SMALL):
            return value
        if kind is float and math.isfinite(value):
            return value
        if id(value) in self._open:
            raise ValueError("It contains itself, and cannot be copied.")
        if isinstance(value, _MUTABLE):
            return self._pack_mutable(value)
        if isinstance(value, tuple | frozenset | slice):
            return self._pack_frozen(value)
        if id(value) in _BUILTIN_NAMES:
            return {"builtin": _BUILTIN_NAMES[id(value)]}
        for base, tag, show, _ in _SCALARS:
            if isinstance(value, base):
                if isinstance(value, int) and int.bit_length(value) > _MAX_BITS:
                    raise ValueError("It has more than 100,000 digits in a number.")
                return {tag: show(value)}
        return self._other(value)

    def contents(self, value: Any) -> dict[str, Any]:
        """Return a mutable value's tag with its contents."""
        if len(self._open) >= MAX_DEPTH:
            raise ValueError(f"It has more than {MAX_DEPTH} levels.")
        self._open.add(id(value))
        try:
            if isinstance(value, list):
                return {"list": self._pack_all(list.__iter__(value))}
            if isinstance(value, dict):
                return {"dict": self._pack_all(part for item in dict.items(value) for part in item)}
            if isinstance(value, set):
                return {"set": self._pack_all(set.__iter__(value))}
            if isinstance(value, bytearray):
                return {"bytearray": base64.b64encode(value).decode()}
            return {"deque": [value.maxlen, *self._pack_all(collections.deque.__iter__(value))]}
        finally:
            self._open.discard(id(value))

    def _pack_mutable(self, value: Any) -> Any:
        if id(value) in self._numbers:
            return {"same": self._numbers[id(value)]}
        if not self._tracks:
            packed = self.contents(value)
            return packed.get("list", packed)
        self._numbers[id(value)] = number = len(self.known)
        self.known.append(value)
        return {**self.contents(value), "n": number}

    def _pack_frozen(self, value: Any) -> Any:
        if len(self._open) >= MAX_DEPTH:
            raise ValueError(f"It has more than {MAX_DEPTH} levels.")
        self._open.add(id(value))
        try:
            if isinstance(value, slice):
                return {"slice": self._pack_all((value.start, value.stop, value.step))}
            if isinstance(value, frozenset):
                return {"frozenset": self._pack_all(frozenset.__iter__(value))}
            items = self._pack_all(tuple.__iter__(value))
            if _is_namedtuple(value):
                return {"namedtuple": [[type(value).__name__, *type(value)._fields], *items]}
            return {"tuple": items}
        finally:
            self._open.discard(id(value))

    def _pack_all(self, values: Iterable[Any]) -> list[Any]:
        packed = []
        for value in values:
            self._items += 1
            if self._items > MAX_ITEMS:
                raise ValueError(f"It has more than {MAX_ITEMS:,} items.")
            packed.append(self.pack(value))
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
            return self._all(data, depth)
        number = data.pop("n", None)
        ((tag, content),) = data.items()
        value = self._make(tag, content, depth)
        if number is not None:
            self._numbered[number] = value
        return value

    def _make(self, tag: str, content: Any, depth: int) -> Any:
        if tag in _OF_TAG:
            if isinstance(content, str) and len(content) > MAX_LINE:
                raise BrokenProtocol("too long")
            return _OF_TAG[tag](content)
        if tag == "same":
            return self._numbered[content]
        if tag == "builtin":
            return BUILTINS[content]
        if tag == "bytearray":
            return bytearray(base64.b64decode(content))
        if tag not in _CONTAINERS:
            return self._other(tag, content)
        if tag == "deque":
            return collections.deque(self._all(content[1:], depth), content[0])
        if tag == "namedtuple":
            return _make_namedtuple(*content[0])(*self._all(content[1:], depth))
        return _CONTAINERS[tag](self._all(content, depth))

    def _all(self, data: list[Any], depth: int) -> list[Any]:
        self._items += len(data)
        if self._items > 2 * MAX_ITEMS:
            raise BrokenProtocol("too many items")
        return [self.unpack(item, depth + 1) for item in data]


_CONTAINERS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "list": lambda items: items,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "slice": lambda items: slice(*items),
    "dict": lambda items: dict(zip(items[::2], items[1::2], strict=True)),
    "deque": collections.deque,
    "namedtuple": tuple,
}


def restore(target: Any, source: Any) -> None:
    """Give a mutable value the contents of another one of its type."""
    if not any(isinstance(target, kind) and isinstance(source, kind) for kind in _MUTABLE):
        raise BrokenProtocol("another type")
    if isinstance(target, list | bytearray):
        target[:] = source
    elif isinstance(target, collections.deque):
        target.clear()
        target.extend(source)
    else:
        target.clear()
        target.update(source)
