"""The server that the commands talk to."""

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from precieux.errors import UsageError
from precieux.terminal import own_command
from precieux.up import local_key
from precieux.up.settings import load_up_settings
from precieux_client import DEFAULT_URL, Client

#: Tries after the first of a command, and of a wait, which goes on through a restart of the server.
_RETRIES: Final = 2
_PATIENT_RETRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Server:
    """The server that a command's options name, as a context manager that closes its clients.

    `data_dir` is where `precieux up` keeps its key.
    """

    url: str = DEFAULT_URL
    key: str | None = None
    data_dir: Path | None = None
    _clients: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def connect(self, *, patient: bool = False) -> Client:
        """Return a client. A `patient` one tries for more than a minute if the server does not answer.

        Raises `UsageError` for an address that is none.
        """
        client = Client(self.url, self.find_key(), retries=_PATIENT_RETRIES if patient else _RETRIES)
        return self._clients.enter_context(client)

    def find_key(self) -> str | None:
        """Return the key, or else that of `precieux up` on this machine. Raises `UsageError` as `connect` does."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"The server's address {self.url} must begin with http:// or https://.")
        return self.key or local_key.find(load_up_settings(data_dir=self.data_dir).data_dir, self.url)

    def command(self, name: str, number: int) -> str:
        """Return a command on a submission of this server, for a hint. It never shows the key."""
        words = [own_command(), name, str(number)]
        if self.url != DEFAULT_URL:
            words += ["--url", self.url]
        if self.data_dir is not None:
            words += ["--data-dir", str(self.data_dir)]
        return shlex.join(words)
