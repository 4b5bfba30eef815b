"""The arguments of the comparison `icpc`, the default validator of problem packages. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any, Final

#: A decimal number, as programs print it. `float` would also accept `1_000` and `nan`. The quantifiers are possessive,
#: because a long row of digits with a letter at its end would else be tried in every split.
NUMBER: Final = re.compile(rb"[+-]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d{1,9})?")

#: The arguments without a number, and the fields that each argument sets.
_FLAGS: Final = ("case_sensitive", "space_change_sensitive")
TOLERANCES: Final = {
    "float_absolute_tolerance": ("absolute",),
    "float_relative_tolerance": ("relative",),
    "float_tolerance": ("absolute", "relative"),
}


@dataclass(frozen=True)
class IcpcRules:
    """How words are compared. A tolerance that is None allows no difference; without both, numbers are words."""

    case_sensitive: bool = False
    space_change_sensitive: bool = False
    absolute: Decimal | None = None
    relative: Decimal | None = None


class IcpcArgumentError(ValueError):
    """An argument is wrong: the one at this `position`. The text is a sentence that says why."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position


def parse_args(args: Sequence[str]) -> IcpcRules:
    """Return the rules that the arguments set. Raises `IcpcArgumentError` for the first that is wrong."""
    rules: dict[str, Any] = {}
    position = 0
    while position < len(args):
        name = args[position]
        sets = (name,) if name in _FLAGS else TOLERANCES.get(name)
        if sets is None:
            names = ", ".join((*_FLAGS, *TOLERANCES))
            raise IcpcArgumentError(position, f"There is no argument {name[:40]!r} of `icpc`; there are: {names}.")
        if not rules.keys().isdisjoint(sets):
            raise IcpcArgumentError(position, f"Another argument has set what `{name}` sets.")
        rules |= dict.fromkeys(sets, True if name in _FLAGS else _tolerance(args, position))
        position += 1 if name in _FLAGS else 2
    return IcpcRules(**rules)


def _tolerance(args: Sequence[str], position: int) -> Decimal:
    """Return the number after the argument at this position."""
    if position + 1 == len(args):
        raise IcpcArgumentError(position, f"A number must follow `{args[position]}`.")
    text = args[position + 1]
    is_number = text.isascii() and NUMBER.fullmatch(text.encode()) and isfinite(float(text))
    if not is_number or Decimal(text) < 0:
        raise IcpcArgumentError(position + 1, f"After `{args[position]}`, {text[:40]!r} is no number of 0 or more.")
    return Decimal(text)
