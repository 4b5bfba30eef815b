"""The protocol's own conformance suite and clients against the MCP server, each installed as its users do."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fixtures import npm
from tests.fixtures.up import Up
from tests.fixtures.uv import environment_with

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: The suite needs a newer Node than Debian has; `node` brings one.
_NPM: Final = (
    "node@22",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/inspector@2.12.0",
)
#: The scenarios of a revision that we pass, and the checks of them that we fail. All others are about tools of the
#: suite's own, or about what this server does not have.
_PASSED: Final = {
    "2025-11-25": {
        "server-initialize": 0, "ping": 0, "tools-list": 0, "server-sse-multiple-streams": 0,
        "dns-rebinding-protection": 0,
    },
    "2026-07-28": {
        "server-stateless": 4, "tools-list": 0, "server-sse-multiple-streams": 0, "dns-rebinding-protection": 0,
        "caching": 3, "http-header-validation": 0, "input-required-result-unsupported-methods": 0,
        "input-required-result-validate-input": 0, "sep-2164-resource-not-found": 0,
    },
}  # fmt: skip
#: Why a check may fail: it wants tools of the suite's own, or resources and prompts.
_MAY_FAIL: Final = ("Not testable", "Method not found")

_OLD_PYTHON: Final = """
import asyncio, json, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
async def main():
    async with streamablehttp_client(sys.argv[1]) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        ran = await session.call_tool("run_code", {"language": "py", "code": "print(6 * 7)"})
        print(json.dumps([len(tools), ran.structuredContent["stdout"], ran.isError]))
asyncio.run(main())
"""
_CLIENT: Final = """
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
const [mode, url] = process.argv.slice(2)
const negotiation = { mode: mode === "pinned" ? { pin: "2026-07-28" } : mode }
const client = new Client({ name: "test", version: "1" }, { versionNegotiation: negotiation })
await client.connect(new StreamableHTTPClientTransport(new URL(url)))
const tools = (await client.listTools()).tools
const ran = await client.callTool({ name: "run_code", arguments: { language: "py", code: "print(6 * 7)" } })
const wrong = await client.callTool({ name: "run_code", arguments: { language: "klingon", code: "1" } })
await client.close()
console.log(JSON.stringify([tools.length, ran.structuredContent.stdout, wrong.isError]))
"""
_SDK: Final = """
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
const client = new Client({ name: "test", version: "1" })
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])))
const tools = (await client.listTools()).tools
const ran = await client.callTool({ name: "run_code", arguments: { language: "py", code: "print(6 * 7)" } })
await client.close()
console.log(JSON.stringify([tools.length, ran.structuredContent.stdout]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that has the packages of npm."""
    return npm.install(tmp_path_factory.mktemp("npm"), *_NPM)


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    node = folder / "node_modules/node/bin"
    environment = {"PATH": f"{node}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("revision", _PASSED)
def test_the_official_suite(revision: str, folder: Path, open_system: Up) -> None:
    results = folder / f"results-{revision}"
    url = f"http://localhost:{open_system.port}/mcp"
    suite = folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    run(folder, "node", suite, "server", "--url", url, "--requirements", revision, "-o", results)
    failed: dict[str, list[str]] = {}
    invalid: dict[str, Any] = defaultdict(list)
    for file in results.glob("**/checks.json"):
        scenario = next(name for name in (*_PASSED[revision], "") if file.parent.name.startswith(f"server-{name}"))
        checks = json.loads(file.read_text())
        invalid[scenario] += [check for check in checks if check["id"] == "wire-schema-valid" and _is_bad(check)]
        failed[scenario] = [check.get("errorMessage", check["id"]) for check in checks if _is_bad(check)]
    assert not any(invalid.values()), invalid
    assert {name: len(failed[name]) for name in _PASSED[revision]} == _PASSED[revision], failed
    reasons = [reason for name in _PASSED[revision] for reason in failed[name]]
    assert all(any(why in reason for why in _MAY_FAIL) for reason in reasons), reasons


def _is_bad(check: dict[str, Any]) -> bool:
    return bool(check["status"] == "FAILURE")


@pytest.mark.parametrize("mode", ["auto", "legacy", "pinned"])
def test_the_client_of_npm(mode: str, folder: Path, open_system: Up) -> None:
    (folder / "client.mjs").write_text(_CLIENT)
    ran = run(folder, "node", "client.mjs", mode, f"{open_system.url}/mcp")
    assert json.loads(ran.stdout or ran.stderr) == [4, "42\n", True]


def test_the_older_client_of_npm(folder: Path, open_system: Up) -> None:
    (folder / "sdk.mjs").write_text(_SDK)
    ran = run(folder, "node", "sdk.mjs", f"{open_system.url}/mcp")
    assert json.loads(ran.stdout or ran.stderr) == [4, "42\n"]


def test_the_inspector_finds_no_fault_in_the_schemas(folder: Path, open_system: Up) -> None:
    inspector = folder / "node_modules/.bin/mcp-inspector"
    url = f"{open_system.url}/mcp"
    ran = run(folder, inspector, "--cli", url, "--transport", "http", "--method", "tools/list", "--strict")
    assert (ran.returncode, len(json.loads(ran.stdout)["tools"])) == (0, 4), ran.stderr


def test_the_older_client_of_pypi(tmp_path: Path, open_system: Up) -> None:
    python = environment_with("mcp==1.30.0", tmp_path / "venv", sys.executable)
    ran = run(tmp_path, python, "-c", _OLD_PYTHON, f"{open_system.url}/mcp")
    assert json.loads(ran.stdout or ran.stderr) == [4, "42\n", False]
