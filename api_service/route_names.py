"""Names the route of a request, for metrics and logs: its path with the names of parameters, not their values."""

from typing import Final

from starlette.types import Scope

_V1: Final = "/v1"


def route_of(scope: Scope) -> str:
    """Return the path of the route that served a request, or "none"."""
    path: str = getattr(scope.get("route"), "path", "none")
    # FastAPI's routes do not know the prefix of a router that includes theirs.
    return path if path == "none" or not scope["path"].startswith(f"{_V1}/") else _V1 + path.removeprefix(_V1)
