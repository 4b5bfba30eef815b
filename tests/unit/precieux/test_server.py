"""The server of a command: its address, its key, and the commands that hints name."""

from pathlib import Path

import pytest

from precieux.errors import UsageError
from precieux.installation.server import Server
from precieux.terminal import own_command


@pytest.mark.parametrize(
    ("server", "command"),
    [
        (Server(), "watch 7"),
        (Server("http://127.0.0.1:8080", "pcx_secret"), "watch 7 --url http://127.0.0.1:8080"),
        (Server(data_dir=Path("/srv/my data")), "watch 7 --data-dir '/srv/my data'"),
    ],
)
def test_a_hint_names_the_same_server_without_its_key(server: Server, command: str) -> None:
    assert server.command("watch", 7) == f"{own_command()} {command}"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://"])
def test_an_address_without_http_or_a_host_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="must begin with http"):
        Server(url).connect()
