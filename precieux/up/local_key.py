"""The key of this machine's command line: `precieux up` makes one at each start, and it is valid until `up` ends.

The key's file is in the data folder, and its name ends with the API's port. Only the folder's owner can read it. A user
who can read the file can use the API, even if there are other keys. A process that takes over the port later gets a key
that is no longer valid.
"""

import contextlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared.common.files.atomic_write import replace_file
from shared.common.http.loopback import is_loopback
from shared.common.service.errors import ConfigurationError
from shared.records.accounts import api_keys

_NAME: Final = "api-key."
_PORTS: Final = {"http": 80, "https": 443}


def make(data_dir: Path, port: int) -> str:
    """Return a new key, and store it for the command line. It replaces those of earlier runs."""
    key = api_keys.new_key()
    remove(data_dir)
    try:
        replace_file(data_dir / f"{_NAME}{port}", key.encode())
    except OSError as exc:
        raise ConfigurationError(
            f"The command line's key cannot be kept in {data_dir} ({exc.strerror}):"
            " choose a folder that you may write with --data-dir or PRECIEUX_DATA_DIR."
        ) from exc
    return key


def remove(data_dir: Path) -> None:
    for path in data_dir.glob(f"{_NAME}*"):
        with contextlib.suppress(OSError):
            path.unlink()


def find(data_dir: Path, url: str) -> str | None:
    """Return the key for the server at `url` if `up` runs it on this machine with that folder, else None.

    So no other server gets the key.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        if not is_loopback(parts.hostname or ""):
            return None
        return (data_dir / f"{_NAME}{port}").read_text("ascii").strip() or None
    except (OSError, ValueError, KeyError):
        return None
