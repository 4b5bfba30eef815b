"""The page that describes the calls: whole without the Internet."""

import hashlib
import re
from pathlib import Path

import httpx
import pytest

import api_service

pytestmark = pytest.mark.integration

STATIC = Path(api_service.__path__[0]) / "static"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_page_loads_nothing_from_elsewhere(api: httpx.AsyncClient, path: str) -> None:
    page = await api.get(path)
    assert page.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert "unsafe" not in policy["script-src"]
    assert not re.search(r"<script>|//", page.text.replace("<!doctype", ""))
    needed = re.findall(r'(?:src|href)="((?!data:)[^"]+)"', page.text)
    assert len(needed) == 4
    for name in needed:
        answer = await api.get(f"/{name}")
        assert (answer.status_code, len(answer.content) > 0) == (200, True), name


async def test_the_library_is_what_its_makers_published(api: httpx.AsyncClient) -> None:
    for line in (STATIC / "swagger-ui/SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        content = (await api.get(f"/docs/{name}")).content
        assert hashlib.sha256(content).hexdigest() == digest
    assert "Apache License" in (STATIC / "swagger-ui/LICENSE").read_text()
