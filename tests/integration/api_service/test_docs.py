"""The pages for people: what this server is, and which calls it has. They work without the Internet."""

import gzip
import hashlib
import itertools
import re
from pathlib import Path

import httpx
import pytest

import api_service

API = Path(api_service.__path__[0])
PAGES = ["/", "/docs", "/docs/", "/redoc", "/redoc/"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_elsewhere(api: httpx.AsyncClient, path: str) -> None:
    page = await api.get(path)
    assert page.status_code == (await api.head(path)).status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert "unsafe" not in policy.get("script-src", "")
    assert "<script>" not in page.text
    needed = re.findall(r'(?:src|href)="((?!data:)[^"]+)"', page.text)
    assert len(needed) >= 4
    for name in needed:
        address = page.url.join(name)
        assert address.host == "127.0.0.1", name
        answer = await api.get(address)
        assert (answer.status_code, len(answer.content) > 0) == (200, True), name


@pytest.mark.parametrize("package", ["static/swagger-ui", "static/redoc", "web/static/vendor/*"])
def test_packages_of_others_are_as_they_were_made(package: str) -> None:
    folders = [*API.glob(package)]
    assert folders
    for folder in folders:
        assert (folder / "LICENSE").exists()
        lines = (folder / "SHA256SUMS").read_text().splitlines()
        digests = {name: digest for digest, name in map(str.split, lines)}
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".js", ".css")}
        files |= {path.stem: gzip.decompress(path.read_bytes()) for path in folder.glob("*.gz")}
        assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == digests != {}


async def test_a_file_of_pages_may_be_kept_for_good(api: httpx.AsyncClient) -> None:
    [address] = re.findall(r'href="([^"]+base\.css)"', (await api.get("/")).text)
    plain = await api.get(address, headers={"Accept-Encoding": "identity"})
    packed = await api.get(address)
    assert plain.headers["Cache-Control"] == packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert ("Content-Encoding" in plain.headers, packed.headers["Content-Encoding"]) == (False, "gzip")
    assert plain.content == packed.content
    assert (await api.get(address.replace("base.css", "nothing.css"))).status_code == 404


async def test_the_first_page_is_json_on_request(api: httpx.AsyncClient) -> None:
    page = await api.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "http://127.0.0.1/submit_email/" in page.text
    answer = await api.get("/", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/json"
    for name in ("docs", "reference", "openapi", "health", "readiness"):
        assert (await api.get(answer.json()[name])).status_code == 200


async def test_the_first_page_escapes_the_name_that_a_request_gives(api: httpx.AsyncClient) -> None:
    for host in ("<script>alert(1)</script>", "a&b"):
        page = await api.get("/", headers={"Host": host})
        assert "<script>" not in page.text
        assert "a&b" not in page.text


async def test_both_spellings_of_a_path_have_one_answer(api: httpx.AsyncClient) -> None:
    paths = ["", "docs", "redoc", "openapi.json", "favicon.ico", "healthz", "readyz", "unsubscribe", "submit_email",
             "check_email", "check_user"]  # fmt: skip
    for path, method in itertools.product(paths, ("GET", "POST")):
        without, with_slash = [await api.request(method, one) for one in (f"/{path}", f"/{path}/".replace("//", "/"))]
        assert not without.is_redirect
        assert without.status_code != 404, path
        assert with_slash.status_code == without.status_code
        assert with_slash.headers["Content-Type"] == without.headers["Content-Type"]


async def test_the_answer_for_an_unknown_path_names_the_docs(api: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/docs/nothing.js", "/check_user//", "/%00", "/\u200b"):
        answer = await api.get(path)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "GET /" in answer.json()["detail"]


async def test_a_wrong_method_gets_the_allowed_ones(api: httpx.AsyncClient) -> None:
    calls = {"/submit_email": "POST", "/check_user/": "GET", "/unsubscribe": "GET, POST", "/files/x": "GET",
             "/docs": "GET, HEAD"}  # fmt: skip
    for (path, allowed), method in itertools.product(calls.items(), ("PUT", "DELETE", "OPTIONS", "TRACE")):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert allowed in answer.json()["detail"]
