"""Answers `isinstance(handle, Iterable)` and its like by the program's object.

A handle has the method of each operator. By its own class it would be iterable, sized and so on, whatever the program
has returned.
"""

import abc
import collections.abc
import sys
import typing
from collections.abc import Callable
from typing import Any, Final

from executor.unit_tests.boxes.relay import Remote, the

#: `asyncio.iscoroutine` keeps an answer for all values of one class, so handles answer by theirs.
_BY_CLASS: Final = (collections.abc.Coroutine,)

_Check = Callable[[Any, Any], bool]


def install() -> None:
    """Have the program answer whether its objects are of the language's abstract classes and of protocols."""
    protocols: Any = getattr(typing, "_ProtocolMeta")  # noqa: B009
    for metaclass in (abc.ABCMeta, protocols):
        setattr(metaclass, "__instancecheck__", _asking(metaclass.__instancecheck__))  # noqa: B010
    aliases: Any = getattr(typing, "_SpecialGenericAlias")  # noqa: B009
    aliases.__instancecheck__ = lambda alias, value: isinstance(value, alias.__origin__)


def _asking(check: _Check) -> _Check:
    def is_instance(kind: Any, value: Any) -> bool:
        if not issubclass(type(value), Remote) or the().is_listing or kind in _BY_CLASS:
            return check(kind, value)
        if getattr(kind, "_is_protocol", False):
            return the().ask("has", value, *sorted(_names_of(kind))) is True
        if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
            return the().ask("is_of", value, kind.__module__, kind.__name__) is True
        return check(kind, value)

    return is_instance


def _names_of(protocol: Any) -> set[str]:
    """Return the names that an object of a protocol has."""
    names: Any = getattr(typing, "_get_protocol_attrs")  # noqa: B009
    return set(names(protocol))
