"""What all calls of API v1 have in common, where it takes a fault or a look inside. `tests/e2e/v1` has the rest."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from api_service.http.errors import Kind
from shared.adapters.database.connection import Database
from tests.integration.api_service.v1.conftest import PUBLIC_URL, app_of
from tests.integration.submission_rows import add
from tests.waiting import eventually

PATH = "/v1/submissions"


def assert_problem(answer: httpx.Response, kind: Kind) -> None:
    """Fail unless the answer is a whole problem document of this kind."""
    assert answer.status_code == kind.status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    content: dict[str, Any] = answer.json()
    assert content["type"] == f"{PUBLIC_URL}/problems#{kind.value}"
    assert (content["title"], content["status"]) == (kind.title, kind.status)
    assert content["detail"].endswith(".")
    assert (kind.status == 422) == ("errors" in content)


async def test_an_internal_error_shows_no_details(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("api_service.v1.routes.server.read_query", crash)
    transport = httpx.ASGITransport(app_of(api), raise_app_exceptions=False, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/v1/limits", headers={"X-Request-Id": "mine"})
    assert_problem(answer, Kind.INTERNAL)
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"] == "mine"


async def test_the_page_has_an_anchor_for_each_kind(api: httpx.AsyncClient) -> None:
    page = await api.get("/problems")
    assert page.status_code == 200
    assert re.findall(r'<section [^>]*id="([\w-]+)"', page.text) == [kind.value for kind in Kind]
    assert "//" not in page.text.replace("<!doctype", "")
    assert (await api.get("/problems/")).text == page.text.replace('="./', '="../')


async def test_classic_calls_keep_their_errors(api: httpx.AsyncClient) -> None:
    for path in ("/check_email/?id=9", "/check_email/?id=x", "/nothing", "/v12", "/check_user"):
        answer = await api.get(path)
        assert answer.status_code in (404, 422)
        assert answer.json().get("type", "about:blank") == "about:blank"
        assert "X-Request-Id" in answer.headers


async def test_nothing_waits_after_a_head(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    before = asyncio.all_tasks()
    async with asyncio.timeout(30):
        head = await api.head(f"{PATH}/{upload}/events")
    assert (head.status_code, head.content) == (200, b"")
    await eventually(lambda: asyncio.all_tasks() <= before, what="no task is left")
    assert not app_of(api).state.services.streams._open
