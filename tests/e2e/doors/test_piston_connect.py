"""The WebSocket of the Piston v2 front door, row by row of its contract."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.fixtures.up import SETTINGS, Up, running_system
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

_RUN = {"type": "stage", "stage": "run"}


class Client:
    """A client of one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.messages: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def init(self, language: str, *sources: str, **fields: Any) -> None:
        files = [{"content": source} for source in sources]
        self.send(type="init", language=language, version="*", files=files, **fields)

    def type(self, text: str) -> None:
        self.send(type="data", stream="stdin", data=text)

    def receive(self) -> bool:
        """Receive a message; False at the end of the connection."""
        try:
            self.messages.append(json.loads(self.connection.recv(30 * PATIENCE)))
        except ConnectionClosed as exc:
            self.closed = (int(exc.rcvd.code), exc.rcvd.reason) if exc.rcvd else None
            return False
        return True

    def until(self, output: str) -> None:
        """Receive until the program's output ends with this."""
        while not self.output.endswith(output):
            assert self.receive(), self.messages

    def end(self) -> tuple[int, str]:
        """Receive all that is left, and return the code and the reason of the end."""
        while self.receive():
            pass
        assert self.closed
        return self.closed

    @property
    def output(self) -> str:
        return "".join(message["data"] for message in self.messages if message["type"] == "data")

    @property
    def without_data(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] != "data"]


@contextmanager
def client_of(system: Up, path: str = "connect", **headers: str) -> Iterator[Client]:
    url = f"{system.url.replace('http', 'ws')}/api/v2/{path}"
    with connect(url, proxy=None, additional_headers=headers, close_timeout=1) as connection:
        yield Client(connection)


def exit_of(stage: str, code: int | None = None, signal: str | None = None) -> dict[str, Any]:
    return {"type": "exit", "stage": stage, "code": code, "signal": signal}


@pytest.mark.parametrize("path", ["connect", "connect/", "piston/connect"])
def test_a_job_goes_from_init_to_its_end(open_system: Up, path: str) -> None:
    with client_of(open_system, path) as client:
        client.send(type="unknown")
        client.init("py", "print('a' + input()); print(input())", stdin="ignored\n")
        client.until("")
        client.type("b\nc")
        client.until("ab\n")
        client.type("\n")
        assert client.end() == (4999, "Job Completed")
    runtime, *others = client.without_data
    assert runtime == {"type": "runtime", "language": "python", "version": runtime["version"]}
    assert others == [_RUN, exit_of("run", 0)]
    assert client.output == "ab\nc\n"


def test_output_comes_as_it_is_written(open_system: Up) -> None:
    with client_of(open_system) as client:
        client.init("bash", "printf first; read x; printf é >&2; read x; exit 3")
        client.until("first")
        client.type("\n")
        client.until("firsté")
        client.type("\n")
        client.end()
    assert [message["stream"] for message in client.messages if message["type"] == "data"] == ["stdout", "stderr"]
    assert client.without_data[-1] == exit_of("run", 3)


def test_a_compiler_is_a_stage(open_system: Up) -> None:
    with client_of(open_system) as client:
        client.init("c", '#include <stdio.h>\n#warning "w"\nint main(void) { puts("out"); }')
        assert client.end() == (4999, "Job Completed")
    assert client.without_data[1:] == [
        {"type": "stage", "stage": "compile"},
        exit_of("compile", 0),
        _RUN,
        exit_of("run", 0),
    ]
    assert client.messages[2]["stream"] == "stderr"
    assert client.output.endswith("out\n")


def test_a_failed_compilation_has_no_run_stage(open_system: Up) -> None:
    with client_of(open_system) as client:
        client.init("c", "int main(void) { return x; }")
        assert client.end() == (4999, "Job Completed")
    assert client.without_data[1:] == [{"type": "stage", "stage": "compile"}, exit_of("compile", 1)]


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("SIGINT", exit_of("run", 7)),
        ("SIGTERM", exit_of("run", None, "SIGTERM")),
        ("SIGKILL", exit_of("run", None, "SIGKILL")),
    ],
)
def test_signals_are_delivered(open_system: Up, name: str, end: dict[str, Any]) -> None:
    with client_of(open_system) as client:
        client.init("bash", "trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done")
        client.until("ready\n")
        client.send(type="signal", signal=name)
        assert client.end() == (4999, "Job Completed")
    assert client.without_data[-1] == end


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (['{"type": "data", "stream": "stdin", "data": ""}'], 4003, "Not yet initialized"),
        (['{"type": "signal", "signal": "SIGINT"}'], 4003, "Not yet initialized"),
        (["init", "init"], 4000, "Already Initialized"),
        (["init", '{"type": "data", "stream": "stdout", "data": ""}'], 4004, "Can only write to stdin"),
        (["init", '{"type": "signal", "signal": "SIGNONE"}'], 4005, "Invalid signal"),
        (["init", '{"type": "signal"}'], 4005, "Invalid signal"),
        ([], 4001, "Initialization Timeout"),
        (['{"type": "other"}'], 4001, "Initialization Timeout"),
    ],
)
def test_wrong_messages_close_the_connection(open_system: Up, messages: list[str], code: int, reason: str) -> None:
    with client_of(open_system) as client:
        for message in messages:
            if message == "init":
                client.init("python", "input()")
            else:
                client.connection.send(message)
        assert client.end() == (code, reason)


def test_faults_are_reported_as_in_execute(open_system: Up) -> None:
    for message, error in (
        ('{"type": "init"}', "language is required as a string"),
        ('{"type": "init", "language": "x", "version": "1", "files": []}', "x-1 runtime is unknown"),
        ("no JSON", None),
    ):
        with client_of(open_system) as client:
            client.connection.send(message)
            assert client.end() == (4002, "Notified Error")
        [told] = client.messages
        assert told == {"type": "error", "message": error or told["message"]}


def test_a_client_that_leaves_ends_its_job(open_system: Up) -> None:
    started = time.monotonic()
    for _ in range(12):
        with client_of(open_system) as client:
            client.init("dash", "echo ready; sleep 50")
            client.until("ready\n")
    # Less than one whole job, and there are fewer slots than jobs.
    assert time.monotonic() - started < 50


def test_other_sites_may_not_connect(open_system: Up) -> None:
    with pytest.raises(InvalidStatus, match="403"), client_of(open_system, Origin="https://example.com"):
        pass


def test_a_key_is_required() -> None:
    key = "k" * 32
    settings = {
        "PRECIEUX_FRONT_DOORS": "piston",
        "PRECIEUX_API_KEYS": key,
        "PRECIEUX_CONNECTIONS_PER_ADDRESS": "3",
    }
    with running_system({**SETTINGS, **settings}) as system:
        with pytest.raises(InvalidStatus, match="401"), client_of(system):
            pass
        for sent in (key, f"Bearer {key}"):
            with client_of(system, Authorization=sent) as client:
                client.init("bash", "echo 1")
                assert client.end() == (4999, "Job Completed")
        for _ in range(5):  # more than there may be connections
            with client_of(system, Authorization=key) as client:
                client.init("bash", "echo 1")
                assert client.end() == (4999, "Job Completed")
