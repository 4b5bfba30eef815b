"""The MCP server over HTTP and stdio: runs of real programs, and how calls and processes end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import TextContent

from shared.common.service.settings import PREFIX
from tests.fixtures.mcp_calls import call_of
from tests.fixtures.processes import descendants
from tests.fixtures.up import Up
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

_COMMAND: Final = [sys.executable, "-P", "-m", "precieux", "mcp"]
_PICTURE: Final = r"""
open("out/plot.png", "wb").write(b"\x89PNG\r\n\x1a\n")
open("out/notes.txt", "w").write("hello")
print(6 * 7)
"""


def _environment(**settings: str) -> dict[str, str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return outer | settings


def _target(how: str, system: Up) -> Any:
    """Return the server that a client connects to: over HTTP, or by the command with one behind it or alone."""
    if how == "http":
        return f"{system.url}/mcp"
    more = ["--url", system.url] if how == "forwarding" else []
    return stdio_client(StdioServerParameters(command=_COMMAND[0], args=[*_COMMAND[1:], *more], env=_environment()))


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
@pytest.mark.parametrize("how", ["http", "forwarding", "alone"])
async def test_the_tools_run_programs(how: str, mode: str, open_system: Up) -> None:
    heard: list[Any] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    async with Client(_target(how, open_system), mode=mode) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        ran = await client.call_tool("run_code", {"language": "python", "code": _PICTURE})
        tests = [{"stdin": "1", "expected_output": "2"}, {"stdin": "2", "expected_output": "5"}]
        judged = await client.call_tool(
            "run_code", {"language": "py", "code": "print(int(input()) * 2)", "tests": tests}, progress_callback=hear
        )
        refused = await client.call_tool("run_code", {"language": "klingon", "code": "1"})
        listed = await client.call_tool("list_languages")
        if how == "alone":
            assert tools == ["run_code", "list_languages"]
        else:
            arguments = {"language": "py", "code": _PICTURE, "wait_s": 50, "email": "ada@example.com"}
            stored = await client.call_tool("submit_program", arguments)
            found = await client.call_tool("get_submission", {"id": stored.structured_content["id"]})
            assert found.structured_content["run"] == stored.structured_content["run"]
            assert found.structured_content["run"]["stdout"] == "42\n"
            assert [block.type for block in found.content] == ["text", "image", "resource_link", "resource_link"]
            assert (await client.call_tool("get_submission", {"id": 1 << 40})).is_error
    assert (ran.structured_content["verdict"], ran.structured_content["stdout"]) == ("ok", "42\n")
    assert [block.type for block in ran.content] == ["text", "image", "resource"]
    assert (judged.structured_content["verdict"], heard) == ("wrong_answer", [(1, 2), (2, 2)])
    assert isinstance(refused.content[0], TextContent)
    assert refused.content[0].text.startswith("language: 'klingon' is not one of py, ")
    assert "py" in [language["code"] for language in listed.structured_content["languages"]]


def _sleepers(of: int, seconds: float) -> list[str]:
    return [process.command for process in descendants(of) if process.command == f"sleep {seconds}"]


@pytest.mark.parametrize("is_modern", [True, False], ids=["2026-07-28", "2025-11-25"])
def test_a_run_ends_with_its_connection(is_modern: bool, open_system: Up) -> None:
    seconds = 41.5 + is_modern
    params = {"name": "run_code", "arguments": {"language": "bash", "code": f"sleep {seconds}"}}
    call = call_of("tools/call", params, is_modern=is_modern)
    assert open_system.process
    pid = open_system.process.pid
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{open_system.url}/mcp", timeout=3, **call)
    eventually_sync(lambda: not _sleepers(pid, seconds), timeout=20, what="the program is killed")


class Stdio:
    """A process of `precieux mcp` that is written to line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def write(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def request(self, number: int, method: str, **params: Any) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))

    def answer_to(self, number: int) -> Any:
        """Return the next message with this id. Each line is a message."""
        assert self.process.stdout
        while True:
            message = json.loads(self.process.stdout.readline())
            if message.get("id") == number:
                return message


@contextmanager
def _stdio(*more: str, **settings: str) -> Iterator[Stdio]:
    with subprocess.Popen(
        [*_COMMAND, *more], env=_environment(**settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            stdio = Stdio(process)
            client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            stdio.request(0, "initialize", **client)
            yield stdio
        finally:
            process.kill()


def test_only_the_end_of_its_input_ends_a_process() -> None:
    with _stdio() as stdio:
        for line in ("", "nonsense", "[]", "{}", '"text"', '{"jsonrpc": "2.0", "method": "nobody/knows"}'):
            stdio.write(line)
        assert stdio.answer_to(0)["result"]["protocolVersion"] == "2025-11-25"
        pid = stdio.process.pid
        stdio.request(1, "tools/call", name="run_code", arguments={"language": "bash", "code": "sleep 43.5"})
        eventually_sync(lambda: _sleepers(pid, 43.5), timeout=60, what="the program runs")
        stdio.request(2, "tools/call", name="run_code", arguments={"language": "bash", "code": "echo beside"})
        assert stdio.answer_to(2)["result"]["structuredContent"]["stdout"] == "beside\n"
        stdio.write('{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}')
        eventually_sync(lambda: not _sleepers(pid, 43.5), timeout=20, what="the program is killed")
        children = {process.pid for process in descendants(pid)}
        assert children
        assert stdio.process.stdin
        stdio.process.stdin.close()
        assert stdio.process.wait(30) == 0
        # The kernel ends the boxes of the executor after it.
        eventually_sync(
            lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), timeout=5, what="no process is left"
        )


def test_ctrl_c_ends_a_process_whose_input_is_open() -> None:
    with _stdio() as stdio:
        stdio.answer_to(0)
        children = [process.pid for process in descendants(stdio.process.pid)]
        stdio.process.send_signal(signal.SIGINT)
        assert stdio.process.wait(10) == -signal.SIGINT
        eventually_sync(
            lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), timeout=15, what="no process is left"
        )


def test_a_run_that_takes_too_long_is_stopped() -> None:
    with _stdio(PRECIEUX_MCP_WAIT_SECONDS="0.5") as stdio:
        stdio.request(1, "tools/list")
        assert [tool["name"] for tool in stdio.answer_to(1)["result"]["tools"]] == ["run_code", "list_languages"]
        stdio.request(2, "tools/call", name="run_code", arguments={"language": "bash", "code": "sleep 44.5"})
        late = stdio.answer_to(2)["result"]
        assert (late["isError"], late["content"][0]["text"]) == (
            True,
            "The run took over 0.5 s, and was stopped: send a program that takes less, or fewer tests.",
        )
        assert not _sleepers(stdio.process.pid, 44.5)


def test_an_executor_that_cannot_start_is_told() -> None:
    with _stdio(PRECIEUX_BWRAP="/nowhere/bwrap") as stdio:
        stdio.request(1, "tools/call", name="run_code", arguments={"language": "py", "code": "1"})
        refused = stdio.answer_to(1)["result"]
        assert refused["isError"]
        assert refused["content"][0]["text"].startswith("The executor of this server has ended")
        assert "Try again" not in refused["content"][0]["text"]


def test_a_server_that_is_away_is_told() -> None:
    with _stdio("--url", "http://127.0.0.1:9") as stdio:
        stdio.request(1, "tools/list")
        assert len(stdio.answer_to(1)["result"]["tools"]) == 4
        stdio.request(2, "tools/call", name="run_code", arguments={"language": "py", "code": "1"})
        refused = stdio.answer_to(2)["result"]
        assert (refused["isError"], "does not answer" in refused["content"][0]["text"]) == (True, True)
