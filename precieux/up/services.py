"""The programs of `precieux up`, and the environment of each. This module starts no process."""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from precieux.up.settings import UpSettings
from shared.adapters.database.roles import Role
from shared.common.service.settings import PREFIX
from shared.common.supervision.child import ChildProgram

#: The variables that the executor gets. It runs hostile code, so it gets no secret of the database, mails or links.
_EXECUTOR_MAY_KNOW: Final = frozenset(
    {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "JAVA_HOME", "NO_COLOR", "XDG_CACHE_HOME"}
    | {f"{PREFIX}{name}" for name in ("BWRAP", "CHECKER_FILES", "CODEX_TIMEOUT", "CODEX_TOKEN", "TOOLCHAINS")}
    | {f"{PREFIX}TEST_DATA_CACHE_BYTES"}
)
_EXECUTOR_MAY_KNOW_PREFIXES: Final = tuple(
    f"{PREFIX}{concern}_"
    for concern in ("ARTIFACT", "EXECUTOR", "DEFAULT", "MAX", "COMPILE", "LOG", "PYTHON", "NODE", "JAVA", "LANGUAGE")
)
#: The setting of `up` that only the API may know.
LOCAL_KEY: Final = f"{PREFIX}LOCAL_KEY"


def command(module: str, *arguments: str) -> list[str]:
    """Return `python -m module`. A folder of that name in the current directory is ignored (-P)."""
    return [sys.executable, "-P", "-m", module, *arguments]


def service_environment(
    outer: Mapping[str, str], settings: UpSettings, *, codex_url: str, codex_token: str
) -> dict[str, str]:
    """Return the services' environment: the operator's variables, and the settings of `up` without the database."""
    return {
        **outer,
        f"{PREFIX}DATA_DIR": str(settings.data_dir),
        f"{PREFIX}HOST": settings.host,
        f"{PREFIX}PORT": str(settings.port),
        f"{PREFIX}PUBLIC_URL": settings.public_url or local_url(settings),
        f"{PREFIX}CODEX_URL": codex_url,
        f"{PREFIX}CODEX_TOKEN": codex_token,
    }


def executor(outer: Mapping[str, str], *, port: int, codex_token: str) -> ChildProgram:
    environment = {
        name: value
        for name, value in outer.items()
        if name in _EXECUTOR_MAY_KNOW or name.startswith(_EXECUTOR_MAY_KNOW_PREFIXES)
    }
    environment |= {
        f"{PREFIX}EXECUTOR_HOST": "127.0.0.1",
        f"{PREFIX}EXECUTOR_PORT": str(port),
        f"{PREFIX}CODEX_TOKEN": codex_token,
    }
    return ChildProgram("executor", command("executor"), environment, rank=0)


def migration(environment: Mapping[str, str], database_url: str) -> ChildProgram:
    return _forked("migrate", "shared.adapters.database.migrate", _with_database(environment, database_url), rank=0)


def services(environment: Mapping[str, str], database_url: Callable[[Role], str]) -> list[ChildProgram]:
    """Return the services. Their first processes are forks that share memory. Each connects as its own role.

    The API stops first, so that no new work arrives; then the services that process the accepted work.
    """
    of_others = {name: value for name, value in environment.items() if name != LOCAL_KEY}

    def service(module: str, values: Mapping[str, str], offset: int, role: Role, rank: int) -> ChildProgram:
        return _forked(module, module, _with_database(_beside(values, offset), database_url(role)), rank=rank)

    return [
        service("queue_consumer", of_others, 1, Role.CONSUMER, 1),
        service("job_runner", of_others, 2, Role.RUNNER, 1),
        service("api_service", environment, 0, Role.API, 2),
    ]


def _forked(name: str, module: str, environment: Mapping[str, str], *, rank: int) -> ChildProgram:
    return ChildProgram(name, command(module), environment, rank, forked_module=module)


def _with_database(environment: Mapping[str, str], url: str) -> Mapping[str, str]:
    return {**environment, f"{PREFIX}DATABASE_URL": url}


def _beside(environment: Mapping[str, str], offset: int) -> Mapping[str, str]:
    """Return the environment with a port for metrics that is `offset` higher, because services share the machine."""
    port = environment.get(f"{PREFIX}METRICS_PORT", "")
    return {**environment, f"{PREFIX}METRICS_PORT": str(int(port) + offset)} if port.isdecimal() else environment


def local_url(settings: UpSettings) -> str:
    """Return the address of the API on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  (not a bind)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
