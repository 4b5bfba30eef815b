"""A submission in a language that the engine lacks is refused, and no other."""

import httpx
import pytest

from shared.adapters.database.connection import Database
from tests.integration.api_service.conftest import submit
from tests.integration.rows import execute, fetch


async def catalog(database: Database, *codes: str, seen: str = "now()") -> None:
    for code in codes:
        await execute(database, f"INSERT INTO languages VALUES ('{code}', '', {seen})")


async def test_a_missing_language_is_refused_with_the_installed_ones(
    api: httpx.AsyncClient, database: Database
) -> None:
    await catalog(database, "py", "c")
    answer = await submit(api, language="golang")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "language: go is not installed on this server; use one of py, c."
    for unknown in ("klingon", "py2", "\u00a0py", "x" * 500):
        answer = await submit(api, language=unknown)
        assert answer.status_code == 422
        assert answer.json()["detail"] == "language: it must be one of py, c, or one of their usual names."
    assert await fetch(database, "SELECT id FROM uploads") == []
    assert (await submit(api, language="Python3")).status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(None, 200), (61, 200), (59, 422)])
async def test_without_recent_news_every_language_is_accepted(
    api: httpx.AsyncClient, database: Database, minutes: int | None, status: int
) -> None:
    if minutes:
        await catalog(database, "py", seen=f"now() - interval '{minutes} minutes'")
    assert (await submit(api, language="go")).status_code == status
