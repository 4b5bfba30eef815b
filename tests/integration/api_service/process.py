"""The API as a process behind sockets, for what no ASGI client shows."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from precieux.host.ports import free_ports
from shared.common.service.parent_death import die_with_parent
from tests.waiting import eventually_sync

ROOT: Final = Path(__file__).parents[3]


class ApiProcess:
    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)


@contextmanager
def api_process(
    folder: Path,
    database_url: str,
    settings: Mapping[str, str] | None = None,
    *,
    open_files: int | None = None,
    in_child: Callable[[], None] = lambda: None,
) -> Iterator[ApiProcess]:
    """Yield an API that answers; `in_child` is called in its process before it starts."""
    [port] = free_ports(1)
    log = folder / "api.log"
    die = die_with_parent(signal.SIGTERM)

    def prepare() -> None:
        die()
        if open_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
        in_child()

    environment = {
        **os.environ,
        "PRECIEUX_DATABASE_URL": database_url,
        "PRECIEUX_DATA_DIR": str(folder / "data"),
        "PRECIEUX_PORT": str(port),
        **(settings or {}),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api_service"],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=prepare,
        )  # fmt: skip
    api = ApiProcess(process, port, log)

    def answers() -> bool:
        assert process.poll() is None, api.log
        try:
            return httpx.get(f"{api.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually_sync(answers, timeout=60, what="the API answers")
        yield api
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
