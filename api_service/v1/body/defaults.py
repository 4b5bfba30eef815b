"""Merges the defaults of a batch into a submission, and keeps where each key of it was sent.

Defaults are checked once, and what is made of them is made once, for all submissions that lack their keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from api_service.http.errors import Fault
from api_service.requests.validation import Checked, checked, first_key
from api_service.v1.body.submission import SubmissionBody

T = TypeVar("T")


class Defaults:
    """The values of keys that submissions lack. `source` and `files` count as one key."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = _without_null(content)
        #: The defaults, with their faults, also those of values that no submission needs.
        self.checked = checked(SubmissionBody, {"language": "", **self._content})
        #: The defaults whose work is worth keeping.
        kept = ("source", "files", "tests", "checker", "interactor", "unit_tests")
        self._kept = {id(value) for name in kept if (value := getattr(self.checked.value, name, None))}
        self._made: dict[tuple[int, str], Any] = {}

    def has(self, name: str, content: Mapping[str, Any]) -> bool:
        """Return True if a submission with this content has the default of a key."""
        if name in ("source", "files") and ("source" in content or "files" in content):
            return False
        return name in self._content and name not in _without_null(content)

    def complete(self, content: Mapping[str, Any]) -> Checked[SubmissionBody]:
        """Return a submission with the defaults that it lacks, and the faults of its own keys."""
        content = _without_null(content)
        used = {name: getattr(self.checked.value, name, None) for name in self._content if self.has(name, content)}
        body = checked(SubmissionBody, {"language": "", **content} if "language" in used else content)
        left_out = body.left_out.union(place for place in self.checked.left_out if first_key(place) in used)
        return Checked(body.value and body.value.model_copy(update=used), body.faults, left_out)

    def once(self, value: object, what: str, make: Callable[[], T]) -> T:
        """Return what `make` makes of a value; for a default, what it made the first time."""
        if id(value) not in self._kept:
            return make()
        key = (id(value), what)
        if key not in self._made:
            self._made[key] = make()
        kept: T = self._made[key]
        return kept


def _without_null(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content without a `language` that is null, so that it has the default."""
    return {name: value for name, value in content.items() if name != "language" or value is not None}


NO_DEFAULTS: Final = Defaults({})


@dataclass(frozen=True, slots=True)
class BodyPath:
    """The place of a submission's body: by itself, or at `path` in the body of a batch with `defaults`.

    With `in_query`, its keys are parameters of the query, and its source is the whole body.
    """

    path: str = ""
    defaults: Defaults = NO_DEFAULTS
    in_query: bool = False

    def fault(self, content: Mapping[str, Any], fault: Fault) -> Fault:
        """Return a fault of the content, or of the defaults that it uses, with its place in the request."""
        pointer = fault.pointer or ""
        name = first_key(pointer)
        if self.in_query:
            if name in ("", "source"):
                return Fault(fault.detail, pointer="")
            return Fault(fault.detail, parameter=name)
        return Fault(fault.detail, pointer=f"{'/defaults' if self.defaults.has(name, content) else self.path}{pointer}")
