"""The packages of this front door, which are the installed languages. Pure."""

from collections.abc import Mapping, Sequence

from api_service.doors.piston.runtimes import Runtime, is_in
from api_service.http.problems import Kind, Problem


def package_of(body: object, runtimes: Sequence[Runtime]) -> Runtime:
    """Return the runtime whose package a body names. Raise `Problem` (404) if there is none."""
    fields = body if isinstance(body, Mapping) else {}
    language, version = fields.get("language"), fields.get("version")
    for runtime in runtimes:
        if runtime.package == language and isinstance(version, str) and is_in(runtime.version, version):
            return runtime
    raise Problem(Kind.NOT_FOUND, f"Requested package {language}-{version} does not exist")
