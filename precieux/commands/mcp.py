"""`precieux mcp`: tools by which an agent runs programs, over standard input and output."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, Final

import typer

from precieux.commands.options import DataDir, Key
from precieux.errors import UsageError
from precieux.host.ports import free_ports
from precieux.up import services
from shared.common.service.parent_death import die_with_parent

#: Seconds that the executor may take to stop.
_STOP_S: Final = 5.0
_ServerUrl = Annotated[
    str | None,
    typer.Option("--url", envvar="PRECIEUX_URL", help="Address of a server. Default: an executor of its own."),
]


def mcp(url: _ServerUrl = None, key: Key = None, data_dir: DataDir = None) -> None:
    """Give an agent tools that run programs (MCP over stdio)."""
    # Clients show what is on standard error, or log it.
    os.environ.setdefault("PRECIEUX_LOG_LEVEL", "WARNING")
    # Ctrl-C ends this process at once, and the executor with it. Otherwise it would wait for the next line of input.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if url is not None:
        from precieux.installation.server import Server  # it loads the client, which an executor need not wait for

        _server().serve_server(url, Server(url, key, data_dir).find_key())
        return
    port, token = free_ports(1)[0], secrets.token_urlsafe(32)
    # First, because it starts while this process loads the server.
    with _executor(port, token) as process:
        _server().serve_engine(f"http://127.0.0.1:{port}", token, lambda: process.poll() is None)


def _server() -> Any:
    """Return the module of the server. Raises `UsageError` if the library of the protocol is missing."""
    try:
        return import_module("api_service.agent_tools.stdio")
    except ModuleNotFoundError as exc:
        if exc.name != "mcp":
            raise
        raise UsageError("This needs the extra `mcp`: pip install 'precieux[mcp]'.") from None


@contextmanager
def _executor(port: int, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start an executor that only this user can call, and stop it at the end of the block."""
    program = services.executor(os.environ, port=port, codex_token=token)
    process = subprocess.Popen(
        program.command,
        env=program.environment,
        stdin=subprocess.DEVNULL,
        stdout=2,  # our standard output has messages alone
        start_new_session=True,  # Ctrl-C reaches only us, and we stop it
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
