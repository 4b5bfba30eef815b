"""Says where in a request a fault of a submission is: by itself, in a larger body, or in a query."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api_service.v1.problems import Fault


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a submission's body: by itself, or at `path` in a larger body with `defaults` at `defaults_path`.

    With `in_query`, its keys are parameters of the query, and its source is the whole body.
    """

    path: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    defaults_path: str = "/defaults"
    in_query: bool = False

    def merged(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return the content with the defaults of the keys that it lacks. `source` and `files` count as one key."""
        return {name: value for name, value in self.defaults.items() if not _has(content, name)} | content

    def fault(self, content: Mapping[str, Any], fault: Fault) -> Fault:
        """Return a fault of the merged content with its place in the request."""
        pointer = fault.pointer or ""
        name = first_key(pointer)
        if self.in_query:
            if name in ("", "source"):
                return Fault(fault.detail, pointer="")
            return Fault(fault.detail, parameter=name)
        is_default = name in self.defaults and not _has(content, name)
        return Fault(fault.detail, pointer=f"{self.defaults_path if is_default else self.path}{pointer}")


def first_key(pointer: str) -> str:
    """Return the key that a pointer begins with; an empty text for the whole."""
    return pointer.split("/", 2)[1].replace("~1", "/").replace("~0", "~") if pointer else ""


def _has(content: Mapping[str, Any], name: str) -> bool:
    if name in ("source", "files"):
        return "source" in content or "files" in content
    return name in content
