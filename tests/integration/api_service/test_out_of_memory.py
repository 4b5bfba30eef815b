"""A request for which there is too little memory is refused, at each front end, and is no failure of the server."""

from typing import Any

import httpx
import pytest

from api_service.doors.piston.app import PATH as PISTON
from api_service.languages.catalog_reader import CatalogReader
from tests.integration.api_service.conftest import ApiWith

pytestmark = pytest.mark.integration

KEY = "k" * 32


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/submit_email/?email=a@example.com&language=py", {"files": {"file": ("a.py", b"print(1)")}}),
        ("/v1/submissions", {"json": {"language": "py", "source": "print(1)"}}),
        ("/submissions", {"json": {"language_id": 71, "source_code": "print(1)"}}),
        (f"{PISTON}/execute", {"json": {"language": "py", "version": "*", "files": [{"content": "print(1)"}]}}),
    ],
    ids=["classic", "v1", "judge0", "piston"],
)
async def test_a_lack_of_memory_is_a_503(
    api_with: ApiWith, monkeypatch: pytest.MonkeyPatch, path: str, sent: dict[str, Any]
) -> None:
    async def catalog(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(CatalogReader, "catalog", catalog)
    async with api_with(operator_keys=(KEY,), front_doors="judge0,piston") as client:
        headers = {"Authorization": f"Bearer {KEY}", "X-Auth-Token": KEY}
        answer: httpx.Response = await client.post(path, headers=headers, **sent)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "too little memory" in answer.text
