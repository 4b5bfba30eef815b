"""The server that the commands talk to."""

from pathlib import Path
from urllib.parse import urlsplit

from precieux import local_key
from precieux.errors import UsageError
from precieux.up.settings import load_up_settings
from precieux_client import Client

#: Tries after the first of a command, and of a wait, which goes on through a restart of the server.
_RETRIES, _PATIENT_RETRIES = 2, 8


def connect(url: str, key: str | None, data_dir: Path | None, *, patient: bool = False) -> Client:
    """Return a client. Without a key it uses the one of `precieux up` on this machine.

    A `patient` client tries for more than a minute if the server does not answer. Raises `UsageError`.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise UsageError(f"The server's address {url} must begin with http:// or https://.")
    key = key or local_key.find(load_up_settings(data_dir=data_dir).data_dir, url)
    return Client(url, key, retries=_PATIENT_RETRIES if patient else _RETRIES)
