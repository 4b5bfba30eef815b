"""The defaults of a batch. They are checked once, and what is made of them is made once, for all its submissions."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from api_service.v1.keys import Keys, check_keys
from api_service.v1.validation import first_key

T = TypeVar("T")


class Defaults:
    """The values of keys that submissions lack. `source` and `files` count as one key.

    A default may have a fault even if no submission needs it.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = _without_null(content)
        self._keys = check_keys({"language": "", **self._content})
        self.faults = self._keys.faults
        #: The defaults whose work is worth keeping.
        self._kept = {id(value): value for name in ("source", "files", "tests") if (value := self._value(name))}
        self._made: dict[tuple[int, str], Any] = {}

    def has(self, name: str, content: Mapping[str, Any]) -> bool:
        """Return True if a submission with this content has the default of a key."""
        if name in ("source", "files") and ("source" in content or "files" in content):
            return False
        return name in self._content and name not in _without_null(content)

    def complete(self, content: Mapping[str, Any]) -> Keys:
        """Return the checked keys of a submission, and of the defaults that it lacks. Only its own are checked now."""
        content = _without_null(content)
        used = [name for name in self._content if self.has(name, content)]
        own = check_keys({"language": "", **content} if "language" in used else content)
        if not used:
            return own
        values = {name: self._value(name) for name in used if name not in self._keys.bad}
        faults = [fault for fault in self.faults if first_key(fault.pointer or "") in used]
        bad = own.bad | (self._keys.bad & frozenset(used))
        return Keys(own.body.model_copy(update=values), [*own.faults, *faults], bad)

    def once(self, value: object, what: str, make: Callable[[], T]) -> T:
        """Return what `make` makes of a value; for a default, what it made the first time."""
        if id(value) not in self._kept:
            return make()
        key = (id(value), what)
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    def _value(self, name: str) -> Any:
        return getattr(self._keys.body, name)


def _without_null(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content without a `language` that is null, so that it has the default."""
    return {name: value for name, value in content.items() if name != "language" or value is not None}


NO_DEFAULTS: Final = Defaults({})
