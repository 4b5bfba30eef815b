"""The settings of `precieux up`. Each service reads its own settings too."""

import errno
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from precieux.host.ports import free_ports
from precieux.postgres.data_directory import make_folder
from shared.adapters.database.address import DatabaseUrl
from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import ARE_HTTP_URLS, IS_HTTP_URL, Settings, default_data_dir, load

_PREFERRED_EXECUTOR_PORT = 8100
#: The address of the API if no setting changes it. It is that of `precieux_client`, which `up` does not load.
DEFAULT_URL = "http://127.0.0.1:8000"
#: A file in the data folder for as long as `precieux restore` fills it.
RESTORING = "restoring"


class UpSettings(Settings):
    host: Annotated[str, Field(description="the address that the API listens on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="the port of the API")] = 8000
    executor_port: Annotated[int | None, Field(ge=1, le=65535, description="the port of the executor")] = None
    data_dir: Annotated[Path, Field(default_factory=default_data_dir, description="the folder of all local state")]
    public_url: Annotated[str | None, IS_HTTP_URL, Field(description="the address that mails link to")] = None
    web: Annotated[bool, Field(description="serve the pages at `/` and `/admin`")] = True
    database_url: Annotated[DatabaseUrl | None, Field(description="your own Postgres; unset, ours is started")] = None
    codex_url: Annotated[str | None, ARE_HTTP_URLS, Field(description="your own engine; unset, ours is started")] = None
    codex_token: Annotated[SecretStr | None, Field(description="the bearer token of that engine")] = None


def load_up_settings(*, port: int | None = None, data_dir: Path | None = None) -> UpSettings:
    """Read the settings from the environment. Options of the command line take precedence. The folder is absolute."""
    settings = load(UpSettings)
    options = {"port": port, "data_dir": (data_dir or settings.data_dir).absolute()}
    return settings.model_copy(update={name: value for name, value in options.items() if value is not None})


def check_port_is_free(host: str, port: int, *, setting: str = "--port or PRECIEUX_PORT") -> None:
    """Raise `ConfigurationError` if a service could not listen there. `setting` names what changes the port."""
    try:
        _try_to_listen(host, port)
    except PermissionError as exc:
        raise ConfigurationError(
            f"This user may not listen on port {port}: choose another one, above 1023, with {setting}."
        ) from exc
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it cannot be a name"
        if getattr(exc, "errno", None) == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {port} on {host} cannot be used ({reason}): "
                f"stop the process that uses it, or choose another port with {setting}."
            ) from exc
        raise ConfigurationError(
            f"PRECIEUX_HOST is {host}, which is no address of this machine ({reason}): set it to 127.0.0.1"
            " for this machine alone, or to 0.0.0.0 for all that reach it."
        ) from exc


def choose_executor_port(settings: UpSettings) -> int:
    """Return the configured port, else the usual one, else any free one. Only our own services use it."""
    if settings.executor_port == settings.port:
        raise ConfigurationError(
            f"PRECIEUX_EXECUTOR_PORT is {settings.port}, which is the API's port: set another one, or none."
        )
    if settings.executor_port is not None:
        check_port_is_free("127.0.0.1", settings.executor_port, setting="PRECIEUX_EXECUTOR_PORT")
        return settings.executor_port
    with suppress(OSError):
        _try_to_listen("127.0.0.1", _PREFERRED_EXECUTOR_PORT)
        return _PREFERRED_EXECUTOR_PORT
    return free_ports(1)[0]


def prepare_data_dir(data_dir: Path) -> None:
    """Make the folder and its parts. Others can pass through root's folder, because Postgres runs as another user."""
    _require_whole(data_dir)
    try:
        make_folder(data_dir)
        for part in ("objects", "outbox"):
            (data_dir / part).mkdir(exist_ok=True, mode=0o700)
    except OSError as exc:
        raise ConfigurationError(
            f"The data folder {data_dir} cannot be made ({exc.strerror}): "
            "choose a writable one with --data-dir or PRECIEUX_DATA_DIR."
        ) from exc


def require_data_dir(data_dir: Path) -> None:
    """Raise `ConfigurationError` if there is no data folder. Its name may be misspelt."""
    _require_whole(data_dir)
    if not data_dir.is_dir():
        raise ConfigurationError(
            f"There is no data folder of Precieux at {data_dir}: name it with --data-dir or PRECIEUX_DATA_DIR, or"
            " make one there with `precieux up` or `precieux migrate`."
        )


def _require_whole(data_dir: Path) -> None:
    """Raise `ConfigurationError` if a restore began and did not end, or if this user may not look into the folder."""
    try:
        (data_dir / RESTORING).lstat()
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ConfigurationError(
            f"The data folder {data_dir} cannot be read ({exc.strerror}): "
            "choose a writable one with --data-dir or PRECIEUX_DATA_DIR."
        ) from exc
    raise ConfigurationError(
        f"A `precieux restore` into {data_dir} did not end, so the data are not whole: remove the folder, and restore"
        " again."
    )


def _try_to_listen(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
