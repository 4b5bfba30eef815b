"""Makes values of JSON, by the type hints of their classes."""

import contextlib
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast

T = TypeVar("T")


def decode(kind: type[T], content: Any) -> T:
    """Return the value of a dataclass from its JSON. Raises `ValueError` if the JSON has another shape.

    Keys that the class does not have are ignored, and keys that the JSON lacks have their defaults, so that a client
    works with a newer server, and with an older one.
    """
    try:
        return cast("T", _decoder(cast("Hashable", kind))(content))
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"this is not a {kind.__name__} ({exc!r})") from exc


def _first(decoders: Sequence[Callable[[Any], Any]], content: Any) -> Any:
    """Return the value of the first of several classes that has the shape of the JSON."""
    for decoder in decoders[:-1]:
        with contextlib.suppress(KeyError, TypeError, AttributeError):
            return decoder(content)
    return decoders[-1](content)


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        decoders = [_decoder(option) for option in inner if option is not types.NoneType]
        return lambda content: None if content is None else _first(decoders, content)
    if origin is tuple:
        item = _decoder(inner[0])
        return lambda content: tuple(item(part) for part in content)
    if origin is Mapping:
        value = _decoder(inner[1])
        return lambda content: {name: value(part) for name, part in content.items()}
    if kind is datetime:
        return datetime.fromisoformat
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        of_fields = {field.name: _decoder(hints[field.name]) for field in fields(kind)}
        # What an older server does not send.
        optional = {part.name for part in fields(kind) if (part.default, part.default_factory) != (MISSING, MISSING)}
        make = cast("Callable[..., Any]", kind)
        return lambda content: make(
            **{name: read(content[name]) for name, read in of_fields.items() if name in content or name not in optional}
        )
    return lambda content: content
