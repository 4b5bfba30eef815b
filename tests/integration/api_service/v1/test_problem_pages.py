"""The pages of problems, as their server answers: who sees which, and which files of a package leave it."""

import re
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.records.accounts.api_keys import Scope
from shared.records.problems.files import key_of
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import PATH, Key, make_key, put
from tests.integration.rows import execute, fetch
from tests.problem_packages import LEGACY, pack

pytestmark = [pytest.mark.usefixtures("problem_languages"), pytest.mark.security]

PAGE = "/problems/sum"
HTML = {"Accept": "text/html"}
STATEMENT = {"problem_statement/problem.md": "# Add\n![p](p.svg)", "problem_statement/p.svg": "<svg/>"}
PDF = {"problem_statement/problem.en.pdf": "%PDF-1.7", "problem_statement/problem.tex": "\\alpha"}


@pytest.fixture
async def client(api_with: ApiWith, setter: Key) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an API that has a private problem."""
    async with api_with() as client:
        await push(client, setter, STATEMENT)
        yield client


async def push(client: httpx.AsyncClient, setter: Key, files: dict[str, str], **settings: str) -> None:
    client.headers.update(setter.headers)
    await put(client, pack({**LEGACY, **files}).getvalue(), **settings)
    del client.headers["Authorization"]


def files_in(page: str) -> list[str]:
    """Return the addresses of the files that a page shows or offers."""
    return [
        f"/{address}" for address in re.findall(r'(?:src|href)="(?:\./|(?:\.\./)+)(problems/sum/files/[^"]+)"', page)
    ]


async def test_a_page_shows_a_problem_to_those_who_may_see_it(
    client: httpx.AsyncClient, setter: Key, student: Key, database: Database
) -> None:
    locked = await client.get(PAGE, headers=HTML)
    assert (locked.status_code, "data-locked" in locked.text, "<h2>Add" in locked.text) == (200, True, False)
    assert "data-locked" in (await client.get("/problems/none", headers=HTML)).text
    own = await client.get(PAGE, headers={**HTML, **setter.headers})
    assert (own.status_code, "<h2>Add" in own.text) == (200, True)
    assert own.headers["Cache-Control"] == "private, no-store"
    poster = await make_key(database, "poster", Scope.SUBMIT)
    for path, headers, status in (
        (PAGE, student.headers, 404),
        (PAGE, poster.headers, 403),
        (PAGE, {"Authorization": "Bearer wrong"}, 401),
        ("/problems", poster.headers, 403),
        ("/problems/none", setter.headers, 404),
        ("/problems/A", setter.headers, 422),
    ):
        assert (await client.get(path, headers={**HTML, **headers})).status_code == status, path
    for key, is_seen in ((setter, True), (student, False)):
        assert (f'"./{PAGE[1:]}"' in (await client.get("/problems", headers={**HTML, **key.headers})).text) == is_seen
    await push(client, setter, STATEMENT, visibility="shared")
    assert (await client.get(PAGE, headers={**HTML, **student.headers})).status_code == 200


async def test_a_form_with_a_key_is_that_of_this_server(client: httpx.AsyncClient, setter: Key) -> None:
    form = {"key": setter.headers["Authorization"].removeprefix("Bearer "), "problem": "sum"}
    shown = await client.post("/problems", data=form, headers=HTML)
    assert (shown.status_code, "<h2>Add" in shown.text, form["key"] in shown.text) == (200, True, False)
    for headers in ({"Origin": "http://example.com"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await client.post("/problems", data=form, headers=headers)).status_code == 403
    assert (await client.post("/problems", data={**form, "key": ""})).status_code == 401
    assert (await client.post("/problems", data={**form, "more": "x" * 9000})).status_code == 413


async def test_a_picture_is_read_by_its_link_for_two_days(
    client: httpx.AsyncClient, setter: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    [address] = files_in((await client.get(PAGE, headers={**HTML, **setter.headers})).text)
    picture = await client.get(address)
    assert (picture.content, picture.headers["Content-Type"]) == (b"<svg/>", "image/svg+xml")
    assert picture.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    for wrong in (address[:-1], address + "x", f"{PAGE}/files/x", f"{PAGE}/files/eA.eA"):
        assert (await client.get(wrong)).status_code == 404
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * 86_400)
    assert (await client.get(address)).status_code == 404


async def test_other_forms_of_a_statement_are_offered(client: httpx.AsyncClient, setter: Key) -> None:
    await push(client, setter, PDF)
    page = (await client.get(PAGE, headers={**HTML, **setter.headers})).text
    pdf, tex = [await client.get(address) for address in files_in(page)]
    assert (pdf.headers["Content-Type"], "sandbox" in pdf.headers["Content-Security-Policy"]) == (
        "application/pdf",
        False,
    )
    assert (pdf.content, tex.text, "alpha" in page) == (b"%PDF-1.7", "\\alpha", False)
    await push(client, setter, {"problem_statement/problem.tex": "\\beta<b>"})
    assert "\\beta&lt;b&gt;" in (await client.get(PAGE, headers={**HTML, **setter.headers})).text


@pytest.mark.parametrize("files", [STATEMENT, PDF], ids=["text", "pdf"])
async def test_a_problem_of_an_older_release_says_how_to_store_its_statement(
    client: httpx.AsyncClient, setter: Key, database: Database, store: LocalStore, files: dict[str, str]
) -> None:
    await push(client, setter, files)
    # As 1.0.0 has stored it.
    [row] = await fetch(database, "SELECT manifest FROM problem_versions ORDER BY id DESC LIMIT 1")
    for sha256 in re.findall(r'"problem_statement/[^}]*"digest":\s*"(\w+)"', row["manifest"]):
        await execute(database, f"DELETE FROM problem_references WHERE sha256 = '{sha256}'")
        await store.delete(key_of(sha256))
    for headers, tells_how in ((setter.headers, True), ((await make_key(database, "other")).headers, False)):
        page = (await client.get(PAGE, headers={**HTML, **headers})).text
        assert ("older release" in page, "push DIR --name sum" in page) == (tells_how, tells_how)


async def test_without_pages_only_the_kinds_of_errors_are_there(api_with: ApiWith, setter: Key) -> None:
    async with api_with(web=False) as client:
        page = await client.get("/problems", headers={**HTML, **setter.headers})
        assert ('id="not-found"' in page.text, "Tasks" in page.text) == (True, False)
        assert (await client.get(PAGE, headers=HTML)).status_code == 404


async def test_secrets_stand_on_no_page(client: httpx.AsyncClient, setter: Key, student: Key) -> None:
    await push(
        client, setter, {**STATEMENT, "data/secret/9.in": "27182818\n", "data/secret/9.ans": "1\n"}, visibility="shared"
    )
    for key in (setter, student):
        page = await client.get(PAGE, headers={**HTML, **key.headers})
        assert (page.status_code, "27182818" in page.text, "secret" in page.text) == (200, False, False)
    client.headers.update(student.headers)
    assert (await client.get(PATH)).json()["samples"][0]["input"] == "1\n"
