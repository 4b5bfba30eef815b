"""Names the route of a request, for metrics and logs: its path with the names of parameters, not their values."""

from typing import Final

from starlette.types import Scope

#: FastAPI's routes do not know the prefix of a router that includes theirs, or of the application that mounts them.
_PREFIXES: Final = ("/v1", "/api/v2")


def route_of(scope: Scope) -> str:
    """Return the path of the route that served a request, or "none"."""
    path: str = getattr(scope.get("route"), "path", "none")
    prefix = next((prefix for prefix in _PREFIXES if scope["path"].startswith(f"{prefix}/")), "")
    return path if path == "none" else prefix + path.removeprefix(prefix)
