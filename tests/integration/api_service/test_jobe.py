"""Keys, files and refusals at the Jobe front door."""

import base64
from collections.abc import Callable
from typing import Any, Final
from unittest.mock import AsyncMock

import httpx
import pytest
from structlog.testing import capture_logs

from api_service.languages.catalog_reader import CatalogReader
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    EngineAway,
    EngineRefused,
    EngineUnavailable,
)
from shared.records.accounts.api_keys import Scope
from shared.records.jobe.files import key_of
from tests.factories import ended_test
from tests.fixtures.played_engine import STARTED, PlayedEngine, Step
from tests.integration.api_service.conftest import ApiWith
from tests.integration.rows import bearer, execute, fetch, make_key

_PATH: Final = "/jobe/index.php/restapi"
_MISSING: Final = (404, "One or more of the specified files is missing/unavailable")
_FINE: Final = {"run_id": None, "outcome": 15, "cmpinfo": "", "stdout": "out", "stderr": ""}
_OVERLOAD: Final = {"run_id": None, "outcome": 21, "cmpinfo": "", "stdout": "", "stderr": ""}

Jobe = Callable[..., httpx.AsyncClient]


@pytest.fixture
def jobe(api_with: ApiWith, offered: None, monkeypatch: pytest.MonkeyPatch) -> Jobe:
    """Return a function that makes clients of the door. The engine's tries are their arguments."""
    monkeypatch.setenv("PRECIEUX_JOBE_WAIT_SECONDS", "0.05")

    def make(*tries: list[Step], **settings: Any) -> httpx.AsyncClient:
        engine = PlayedEngine(*tries)
        return api_with(
            front_doors="jobe", open_engine=lambda: engine, limits={"codex_url": "http://engine"}, **settings
        )

    return make


async def run(client: httpx.AsyncClient, key: str = "", *files: str, **fields: Any) -> tuple[int, Any]:
    """Return the status and the content of the answer to a run of `x` with these files."""
    entries = [[id_, f"{id_}.txt"] for id_ in files]
    spec = {"language_id": "python3", "sourcecode": "x", "file_list": entries, **fields}
    answer = await client.post(f"{_PATH}/runs/", json={"run_spec": spec}, headers={"X-API-KEY": key} if key else {})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    return answer.status_code, answer.json()


async def put(client: httpx.AsyncClient, id_: str, content: bytes, key: str = "") -> None:
    body = {"file_contents": base64.b64encode(content).decode()}
    answer = await client.put(f"{_PATH}/files/{id_}", json=body, headers={"X-API-KEY": key} if key else {})
    assert (answer.status_code, answer.content) == (204, b"")


async def has(client: httpx.AsyncClient, id_: str, key: str = "") -> bool:
    answer = await client.head(f"{_PATH}/files/{id_}", headers={"X-API-KEY": key} if key else {})
    assert answer.content == b""
    return {204: True, 404: False}[answer.status_code]


@pytest.mark.parametrize("door", ["jobe", "sandboxfusion"])
def test_a_door_needs_an_engine(api_with: ApiWith, door: str) -> None:
    with pytest.raises(ConfigurationError, match=f"`{door}` needs the engine's address: set PRECIEUX_CODEX_URL"):
        api_with(front_doors=door)


async def test_keys(jobe: Jobe, database: Database) -> None:
    key, reader = await make_key(database, Scope.SUBMIT), await make_key(database, Scope.READ)
    async with jobe([STARTED, ended_test(stdout="out")]) as client:
        assert await run(client) == (403, "Missing API key")
        assert await run(client, "wrong") == (403, "Unknown API key")
        status, text = await run(client, reader)
        assert (status, "lacks the scope `submit`" in text) == (403, True)
        for method, path in (("GET", "languages"), ("HEAD", "files/id"), ("PUT", "files/id")):
            answer = await client.request(method, f"{_PATH}/{path}", json={})
            assert (answer.status_code, "access-control-allow-methods" in answer.headers) == (403, True)
        assert (await client.options(f"{_PATH}/runs", headers={"Origin": "https://a.example"})).status_code == 204
        for headers in ({"X-API-KEY": key}, bearer(key)):
            assert (await client.get(f"{_PATH}/languages", headers=headers)).json() == [["python3", "3.13.5"]]
        assert await run(client, key) == (200, _FINE)
    [row] = await fetch(
        database, "SELECT (SELECT count(*) FROM uploads) AS uploads, (SELECT count(*) FROM job) AS jobs"
    )
    assert row == {"uploads": 0, "jobs": 0}


async def test_a_request_has_a_line_in_the_log_without_texts(jobe: Jobe) -> None:
    async with jobe([STARTED, ended_test(stdout="out")]) as client:
        with capture_logs() as lines:
            assert await run(client, sourcecode="the text") == (200, _FINE)
    [line] = [line for line in lines if line["log_level"] == "info"]
    assert (line["event"], line["route"], "the text" in str(lines)) == ("request.answered", f"{_PATH}/runs", False)


async def test_protected_mode_knows_the_fields_of_clients(jobe: Jobe) -> None:
    own = {"X-API-KEY": "any", "X-CodeRunner-Job-Id": "0123abcd", "X-Requested-With": "XMLHttpRequest"}
    async with jobe() as client:
        listed = await client.get(f"{_PATH}/languages", headers=own)
        assert listed.status_code == 200, listed.text
        for name, value in (("X-Forwarded-For", "10.0.0.1"), ("Origin", "https://a.example")):
            assert (await client.get(f"{_PATH}/languages", headers={**own, name: value})).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "runs"), ("GET", "files/abc"), ("POST", "files"), ("POST", "files/abc"), ("DELETE", "files/abc")),
        *(("PUT", "files/a-b"), ("PUT", "files/" + "x" * 256), ("HEAD", "files/a.b"), ("PUT", "files/")),
        *(("GET", "runresults/1"), ("HEAD", "languages"), ("GET", ""), ("POST", "languages")),
    ],
)
async def test_other_routes_are_not_found(jobe: Jobe, method: str, path: str) -> None:
    async with jobe() as client:
        answer = await client.request(method, f"{_PATH}/{path}")
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, "*")
        assert method == "HEAD" or answer.json() == "Not Found"


async def test_an_id_belongs_to_a_key(jobe: Jobe, database: Database) -> None:
    mine, other = await make_key(database, Scope.SUBMIT), await make_key(database, Scope.SUBMIT)
    async with jobe([STARTED, ended_test(stdout="out")]) as client:
        await put(client, "abcdefgh", b"mine", mine)
        assert [await has(client, "abcdefgh", key) for key in (mine, other)] == [True, False]
        assert await run(client, other, "abcdefgh") == _MISSING
        await put(client, "abcdefgh", b"other", other)
        assert await run(client, mine, "abcdefgh") == (200, _FINE)


async def test_a_file_without_an_object_is_missing(jobe: Jobe, database: Database, store: LocalStore) -> None:
    async with jobe([STARTED, ended_test(stdout="out")]) as client:
        await put(client, "abcdefgh", b"content")
        [row] = await fetch(database, "SELECT sha256 FROM jobe_files")
        await store.delete(key_of(row["sha256"]))
        assert await run(client, "", "abcdefgh") == _MISSING
        await put(client, "abcdefgh", b"content")
        assert await run(client, "", "abcdefgh", "abcdefgh") == (200, _FINE)


async def test_the_least_recently_used_files_of_a_key_go(
    jobe: Jobe, database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECIEUX_JOBE_FILES_BYTES", "2500")
    keys = [await make_key(database, Scope.SUBMIT) for _ in range(2)]
    async with jobe() as client:
        for number in range(3):
            await put(client, f"file{number}", bytes([number]) * 1000, keys[0])
        await put(client, "file3", bytes([0]) * 1000, keys[1])
        assert [await has(client, f"file{number}", keys[0]) for number in range(3)] == [False, True, True]
        assert await has(client, "file3", keys[1])
        await put(client, "large", bytes(9000), keys[0])
        assert [row["id"] for row in await fetch(database, "SELECT id FROM jobe_files ORDER BY id")] == [
            "file3",
            "large",
        ]
    left = [name async for names in store.keys("jobe") for name in names]
    assert len(left) == 2


async def test_a_use_is_noted_once_a_day(jobe: Jobe, database: Database) -> None:
    async def age() -> float:
        [row] = await fetch(database, "SELECT extract(epoch FROM now() - used_at)::float8 AS age FROM jobe_files")
        return float(row["age"])

    async with jobe() as client:
        await put(client, "abcdefgh", b"content")
        for hours, is_noted in ((20, False), (25, True)):
            await execute(database, f"UPDATE jobe_files SET used_at = now() - interval '{hours} hours'")
            assert await has(client, "abcdefgh")
            assert (await age() < 3600) is is_noted


async def test_files_are_bounded(jobe: Jobe) -> None:
    async with jobe() as client:
        body = {"file_contents": base64.b64encode(bytes(10_001)).decode()}
        answer = await client.put(f"{_PATH}/files/abcdefgh", json=body)
        assert (answer.status_code, answer.json()) == (400, "put: a file may have at most 10000 bytes")
        for id_ in ("abcdefg1", "abcdefg2"):
            await put(client, id_, bytes(5000))
        for files, source in ((("abcdefg1", "abcdefg2"), "x"), ((), "é" * 5001)):
            status, text = await run(client, "", *files, sourcecode=source)
            assert (status, text) == (
                400,
                "sourcecode and the files of file_list may have at most 10000 bytes together",
            )
        answer = await client.post(f"{_PATH}/runs", content=b"x" * 200_000)
        assert (answer.status_code, type(answer.json())) == (400, str)


async def test_how_runs_are_refused(jobe: Jobe, database: Database) -> None:
    tries: list[list[Step]] = [[EngineAway("full", retry_after=9)], [EngineRefused("it is wrong.")]]
    tries += [[EngineUnavailable("a bug")], [EngineUnavailable("a bug")]]
    async with jobe(*tries) as client:
        assert await run(client) == (200, _OVERLOAD)
        assert await run(client, sourcecode="!** TESTING OVERLOAD EXCEPTION **!") == (200, _OVERLOAD)
        assert await run(client) == (400, "It is wrong.")
        status, text = await run(client)
        assert (status, "failed with this program" in text) == (500, True)


async def test_an_outage_is_no_overload(jobe: Jobe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CatalogReader, "catalog", AsyncMock(side_effect=DatabaseUnavailable("it is away")))
    async with jobe() as client:
        status, text = await run(client)
    assert (status, "temporarily unavailable" in text) == (500, True)


async def test_a_used_up_budget(jobe: Jobe, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    ended = ended_test(stdout="out", cpu_s=9000.0)
    async with jobe([STARTED, ended], key_cpu_seconds=10) as client:
        assert await run(client, key) == (200, _FINE)
        status, text = await run(client, key)
        assert (status, type(text)) == (429, str)
