"""The names inside of other packages that we use. After an upgrade, this says which of them is missing.

`pyproject.toml` allows no release of these packages that the tests have not seen.
"""

import asyncio
import inspect
import tomllib
from pathlib import Path
from typing import Any, Final

import asyncpg
import databases
import pika
import pytest
import uvicorn
from packaging.requirements import Requirement
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.select_connection import SelectConnection
from starlette.middleware import gzip
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState


def _protocol() -> HttpToolsProtocol:
    async def make() -> HttpToolsProtocol:
        config = uvicorn.Config(lambda: None)
        config.load()
        protocol = HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())
        protocol.on_message_begin()
        return protocol

    return asyncio.run(make())


def _cycle() -> RequestResponseCycle:
    arguments: dict[str, Any] = dict.fromkeys(
        ("scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers", "message_event",
         "expect_100_continue", "keep_alive", "on_response")
    )  # fmt: skip
    return RequestResponseCycle(**arguments)


_PIKA: Final = "_read_frame _terminate_stream _adapter_call_later _adapter_remove_timeout"
_PROTOCOL: Final = (
    "parser cycle pipeline headers url scope server_state loop client transport flow _should_upgrade"
    " handle_websocket_upgrade connection_made connection_lost data_received send_400_response on_message_begin"
    " on_header on_headers_complete on_body on_message_complete on_response_complete pause_writing resume_writing"
)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: SelectConnection, _PIKA),
        (lambda: AsyncioConnection, _PIKA),
        (_protocol, _PROTOCOL),
        (_cycle, "disconnected message_event response_complete keep_alive transport"),
        (lambda: uvicorn.Server, "startup main_loop capture_signals serve"),
        (lambda: gzip, "GZipResponder IdentityResponder"),
    ],
    ids=["pika", "pika with asyncio", "protocol", "cycle", "server", "compression"],
)
def test_the_names_that_we_use_are_there(make: Any, names: str) -> None:
    owner = make()
    assert [name for name in names.split() if not hasattr(owner, name)] == []


def test_the_connection_of_pika_is_built_as_we_expect() -> None:
    assert "self._frame_buffer +=" in inspect.getsource(pika.connection.Connection)
    assert "self._impl" in inspect.getsource(getattr(pika.BlockingConnection, "_flush_output"))  # noqa: B009  (the type stubs leave it out)
    assert "_impl_class" in inspect.signature(pika.BlockingConnection).parameters


def test_a_pool_and_its_connections_show_what_we_read() -> None:
    assert "_transport" in asyncpg.Connection.__slots__
    assert databases.Database("postgresql://localhost/any")._backend._pool is None


def test_the_state_of_a_server_has_the_fields_of_each_answer() -> None:
    assert ServerState().default_headers == []


async def test_a_request_keeps_its_body_by_this_name() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x"}

    request = Request({"type": "http", "headers": []}, receive)
    assert await request.body() == b"x"
    assert request._body == b"x"


@pytest.mark.parametrize("package", ["asyncpg", "databases", "pika", "starlette", "uvicorn"])
def test_later_releases_are_not_installed_unseen(package: str) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    [needed] = [one for one in map(Requirement, project["dependencies"]) if one.name == package]
    assert any(bound.operator in ("<", "<=", "==", "~=") for bound in needed.specifier)
