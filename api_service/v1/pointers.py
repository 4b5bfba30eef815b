"""Says where in a request a fault of a submission is: by itself, in a batch, or in a query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api_service.problems import Fault
from api_service.v1.defaults import NO_DEFAULTS, Defaults
from api_service.v1.validation import first_key


@dataclass(frozen=True, slots=True)
class Place:
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
