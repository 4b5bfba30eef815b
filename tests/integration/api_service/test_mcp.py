"""The checks of the MCP server that come before the library, and what keys and budgets allow its tools."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, cast
from unittest.mock import AsyncMock, Mock

import httpx
import pytest
from pydantic import ValidationError

from api_service.agent_tools.settings import McpSettings
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import OpenedEngine
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import ConfigurationError, DatabaseUnavailable
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Started
from shared.engine_api.run_call.request import ProgramRequest
from shared.records.accounts.api_keys import Scope
from tests.factories import ended_test
from tests.fixtures.mcp_calls import call_of
from tests.integration.api_service.conftest import ApiWith
from tests.integration.rows import bearer, fetch, make_key
from tests.integration.submission_rows import add, end, make_job, request

pytestmark = pytest.mark.usefixtures("offered")

_CODE: Final = {"language": "py", "code": "print(1)"}


class Engine:
    """Answers each run by one test that has ended well."""

    def __init__(self) -> None:
        self.asked: list[ProgramRequest] = []

    async def run_program(
        self, program: bytes, *, share: str = "", silence_s: float = 0, data: object = None
    ) -> AsyncGenerator[RunEvent]:
        request = ProgramRequest.model_validate_json(program)
        self.asked.append(request)
        yield Started(language="py", info="Python 3.13.5", compile=None, run="python3 main.py")
        for number in range(1, len(request.tests) + 1):
            verdict = "accepted" if request.tests[0].expected_output else "ok"
            yield ended_test(number, verdict=verdict, artifacts=[] if request.artifacts else None)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def client(api_with: ApiWith, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with api_with(front_doors="mcp", open_engine=lambda: cast("OpenedEngine", engine)) as client:
        yield client


async def post(client: httpx.AsyncClient, method: str, params: dict[str, Any], **headers: str) -> httpx.Response:
    call = call_of(method, params)
    return await client.post("/mcp", json=call["json"], headers=call["headers"] | headers)


async def call(client: httpx.AsyncClient, key: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the result of a tool."""
    answer = await post(client, "tools/call", {"name": tool, "arguments": arguments}, **bearer(key))
    result: dict[str, Any] = answer.json()["result"]
    return result


def text_of(result: dict[str, Any]) -> str:
    assert result["isError"]
    return str(result["content"][0]["text"])


async def test_the_checks_come_in_their_order(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.doors.mcp.app.MAX_STRUCTURE", 1000)
    key = await make_key(database, Scope.READ)
    evil, long = {"Origin": "https://evil.example"}, b"x" * 100_000
    refused = [
        await client.get("/mcp", headers=evil),
        await client.post("/mcp/", headers={"Origin": "null"}),
        await client.get("/mcp", headers={"Origin": "http://127.0.0.1"}),
        await client.delete("/mcp/"),
        await client.options("/mcp"),
        await client.post("/mcp", content=long),
        await client.post("/mcp", content=long, headers=bearer(key[:-1])),
        await client.post("/mcp", content=long, headers=bearer(key)),
        await client.post("/mcp", content="[" * 2_000, headers=bearer(key)),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 405, 405, 405, 401, 401, 413, 413]
    for answer in refused:
        assert list(answer.json()) == ["jsonrpc", "error"]
        assert answer.json()["error"]["code"] == answer.status_code
    assert refused[2].headers["Allow"] == "POST"
    assert refused[5].headers["WWW-Authenticate"] == 'Bearer realm="precieux"'
    assert "Access-Control-Allow-Origin" not in refused[4].headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1", 200),
        ("http://LOCALHOST:3000", 200),
        ("https://[::1]:1", 200),
        ("https://agents.example.edu", 200),
        ("https://agents.example.edu.evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("http://127.0.0.1@evil.example", 403),
    ],
)
async def test_only_some_pages_may_call(
    origin: str, status: int, api_with: ApiWith, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECIEUX_MCP_ORIGINS", "https://other.example, https://agents.example.edu")
    key = await make_key(database, Scope.READ)
    async with api_with(front_doors="mcp") as client:
        answer = await post(client, "server/discover", {}, **bearer(key), Origin=origin)
    assert answer.status_code == status


async def test_an_open_door_without_its_extra_is_told(api_with: ApiWith, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ModuleNotFoundError("No module named 'mcp'", name="mcp")
    monkeypatch.setattr("api_service.doors.door.import_module", Mock(side_effect=missing))
    with pytest.raises(ConfigurationError, match=r"pip install 'precieux\[mcp\]'"):
        async with api_with(front_doors="mcp"):
            pass


@pytest.mark.parametrize("origins", ["agents.example.edu", "https://agents.example.edu/path", "*"])
def test_what_is_no_origin_is_refused(origins: str) -> None:
    with pytest.raises(ValidationError, match="is not like https://agents"):
        McpSettings(mcp_origins=origins)


async def test_a_server_says_what_it_has(client: httpx.AsyncClient, database: Database) -> None:
    key = await make_key(database, Scope.READ)
    discovered = (await post(client, "server/discover", {}, **bearer(key))).json()
    assert (discovered["id"], discovered["result"]["capabilities"]) == ("1", {"tools": {}})
    listed = (await post(client, "tools/list", {}, **bearer(key))).json()["result"]
    assert (listed["ttlMs"], listed["cacheScope"], len(listed["tools"])) == (300_000, "private", 4)
    # The parser of HTTP keeps blanks at the end of a value.
    for name in ("run_code ", "\trun_code\t"):
        answer = await post(
            client, "tools/call", {"name": "run_code", "arguments": {}}, **bearer(key), **{"Mcp-Name": name}
        )
        assert answer.status_code == 200


async def test_a_run_is_not_stored(client: httpx.AsyncClient, engine: Engine, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    ran = await call(client, key, "run_code", **_CODE, stdin="x", args=["a"])
    assert (ran["structuredContent"]["verdict"], ran["structuredContent"]["artifacts"]) == ("ok", [])
    tests = [{"stdin": "2", "expected_output": "4", "points": 2, "limits": {"cpu_s": 1}}]
    judge = {"kind": "program", "language": "py", "source": "print()"}
    judged = await call(client, key, "run_code", **_CODE, tests=tests, checker=judge, stop_at_first_failure=True)
    assert json.loads(judged["content"][0]["text"]) == judged["structuredContent"]
    assert judged["structuredContent"]["points_awarded"] == 2
    files = [{"path": "main.py", "content": "print(1)"}, {"path": "data", "content": "/w==", "encoding": "base64"}]
    assert not (await call(client, key, "run_code", language="py", files=files))["isError"]
    plain, with_tests, with_files = engine.asked
    assert (plain.tests[0].stdin, plain.tests[0].args, plain.artifacts) == ("x", ("a",), True)
    assert (with_tests.tests[0].expected_output, with_tests.artifacts) == ("4", False)
    assert (with_tests.tests[0].limits.cpu_s, with_tests.stop_at_first_failure) == (1, True)
    assert with_tests.judges["checker"].files[0].data() == b"print()"
    assert {file.path: file.data() for file in with_files.files} == {"main.py": b"print(1)", "data": b"\xff"}
    assert await fetch(database, "SELECT id FROM uploads") == []


async def test_keys_need_their_scopes(client: httpx.AsyncClient, database: Database) -> None:
    reader, sender = await make_key(database, Scope.READ), await make_key(database, Scope.SUBMIT)
    for key, tool, arguments in (
        (reader, "run_code", _CODE),
        (reader, "submit_program", _CODE),
        (sender, "get_submission", {"id": 1}),
    ):
        assert "lacks the scope" in text_of(await call(client, key, tool, **arguments))
    for key in (reader, sender):
        assert (await call(client, key, "list_languages"))["structuredContent"]["languages"][0]["code"] == "py"


async def test_submissions_take_from_budgets_and_belong_to_their_keys(api_with: ApiWith, database: Database) -> None:
    mine = await make_key(database, Scope.SUBMIT, Scope.READ)
    other = await make_key(database, Scope.READ)
    async with api_with(front_doors="mcp", key_budget=1) as client:
        stored = (await call(client, mine, "submit_program", **_CODE, metadata={"a": "b"}))["structuredContent"]
        assert (stored["state"], stored["run"]["verdict"], stored["mail"]) == ("queued", None, None)
        assert "the limit of 1 an hour" in text_of(await call(client, mine, "submit_program", **_CODE))
        found = await call(client, mine, "get_submission", id=stored["id"])
        assert found["structuredContent"]["id"] == stored["id"]
        refused = [
            text_of(await call(client, other, "get_submission", id=number)) for number in (stored["id"], 1 << 40)
        ]
        assert refused == 2 * ["This submission does not exist, or belongs to another key."]


async def test_what_is_stored_is_not_sent_twice(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = AsyncMock(side_effect=DatabaseUnavailable("it is away"))
    monkeypatch.setattr("api_service.agent_tools.api.visible_submission", away)
    refused = text_of(await call(client, await make_key(database, Scope.SUBMIT), "submit_program", **_CODE))
    [row] = await fetch(database, "SELECT id FROM uploads")
    assert refused.startswith(f"Submission {row['id']} is stored")


@pytest.mark.parametrize("most", [1000, 1 << 20])
async def test_the_memory_of_pictures_is_bounded(
    most: int, api_with: ApiWith, database: Database, store: LocalStore
) -> None:
    upload = await add(database)
    picture = {"name": "plot.png", "bytes": 100_000, "media_type": "image/png", "sha256": "", "key": "results/1-1-ab-1"}
    await store.put(str(picture["key"]), bytes(100_000))
    await request(database, upload)
    await end(database, await make_job(database, upload), "executed", verdict="ok", artifacts=json.dumps([picture]))
    async with api_with(front_doors="mcp", large_answers_bytes=most) as client:
        found = await call(client, await make_key(database, Scope.ADMIN), "get_submission", id=upload)
    types = [block["type"] for block in found["content"]]
    assert types == (["text"] if most == 1000 else ["text", "image", "resource_link"])
    assert found["isError"] == (most == 1000)


async def test_only_the_keys_recipients_are_mailed(client: httpx.AsyncClient, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT, recipients=("example.edu",))
    refused = text_of(await call(client, key, "submit_program", **_CODE, email="victim@example.com"))
    assert refused.startswith("email: ")
    assert not (await call(client, key, "submit_program", **_CODE, email="ada@example.edu"))["isError"]
