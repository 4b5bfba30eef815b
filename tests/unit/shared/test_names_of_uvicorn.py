"""The names inside uvicorn and Starlette that we use. After an upgrade, this says which of them is missing.

`pyproject.toml` allows no release of uvicorn that these tests have not seen.
"""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from packaging.requirements import Requirement
from starlette.middleware import gzip
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

_PROTOCOL = (
    "parser cycle pipeline headers url scope server_state loop client transport flow _should_upgrade"
    " handle_websocket_upgrade connection_made connection_lost data_received send_400_response on_message_begin"
    " on_header on_headers_complete on_body on_message_complete on_response_complete pause_writing resume_writing"
)
_CYCLE = "disconnected message_event response_complete keep_alive transport"
_SERVER = "startup main_loop capture_signals serve"


@pytest.fixture
def protocol() -> HttpToolsProtocol:
    async def make() -> HttpToolsProtocol:
        config = uvicorn.Config(lambda: None)
        config.load()
        protocol = HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())
        protocol.on_message_begin()
        return protocol

    return asyncio.run(make())


@pytest.mark.parametrize("name", _PROTOCOL.split())
def test_the_protocol_has(protocol: HttpToolsProtocol, name: str) -> None:
    assert hasattr(protocol, name)


@pytest.mark.parametrize("name", _CYCLE.split())
def test_the_cycle_of_a_request_has(name: str) -> None:
    arguments: dict[str, Any] = dict.fromkeys(
        ("scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers", "message_event",
         "expect_100_continue", "keep_alive", "on_response")
    )  # fmt: skip
    assert hasattr(RequestResponseCycle(**arguments), name)


@pytest.mark.parametrize("name", _SERVER.split())
def test_the_server_has(name: str) -> None:
    assert hasattr(uvicorn.Server, name)


def test_the_state_of_a_server_has_the_fields_of_each_answer() -> None:
    assert ServerState().default_headers == []


async def test_a_request_keeps_its_body_by_this_name() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x"}

    request = Request({"type": "http", "headers": []}, receive)
    assert await request.body() == b"x"
    assert request._body == b"x"


@pytest.mark.parametrize("name", ["GZipResponder", "IdentityResponder"])
def test_compression_has(name: str) -> None:
    assert hasattr(gzip, name)


@pytest.mark.parametrize("package", ["uvicorn", "starlette"])
def test_later_releases_are_not_installed_unseen(package: str) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    [needed] = [one for one in map(Requirement, project["dependencies"]) if one.name == package]
    assert any(bound.operator in ("<", "<=", "==", "~=") for bound in needed.specifier)
