"""The key of this machine's command line: `precieux up` makes one each time, for as long as it runs.

It lies in the data folder, named by the API's port, for the folder's owner alone. So whoever may read that may use the
API, also after keys were made; and a process that takes the port later learns a key that opens nothing any more.
"""

import contextlib
import ipaddress
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from shared import api_keys
from shared.atomic_write import write_atomically
from shared.errors import ConfigurationError

_NAME: Final = "api-key."
_PORTS: Final = {"http": 80, "https": 443}


def make(data_dir: Path, port: int) -> str:
    """A new key, kept for the command line in place of those of earlier runs."""
    key = api_keys.new_key()
    remove(data_dir)
    try:
        folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            write_atomically(folder, f"{_NAME}{port}", key.encode())
        finally:
            os.close(folder)
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
    """The key for the server at `url`, if `up` runs it on this machine with that folder. No other server learns it."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        if not _is_this_machine(parts.hostname or ""):
            return None
        return (data_dir / f"{_NAME}{port}").read_text("ascii").strip() or None
    except (OSError, ValueError, KeyError):
        return None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
