"""A request for which there is too little memory is refused, at each front end, and is no failure of the server."""

from typing import Any

import pytest

from api_service.doors.piston.app import PATH as PISTON
from api_service.languages.catalog_reader import CatalogReader
from tests.integration.api_service.conftest import ApiWith

KEY = "k" * 32


async def test_a_lack_of_memory_is_a_503(api_with: ApiWith, monkeypatch: pytest.MonkeyPatch) -> None:
    async def catalog(*_: object) -> None:
        raise MemoryError

    job = {"language": "py", "version": "*", "files": [{"content": "print(1)"}]}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/submit_email/?email=a@example.com&language=py", {"files": {"file": ("a.py", b"print(1)")}}),
        ("/v1/submissions", {"json": {"language": "py", "source": "print(1)"}}),
        ("/submissions", {"json": {"language_id": 71, "source_code": "print(1)"}}),
        (f"{PISTON}/execute", {"json": job}),
    ]
    monkeypatch.setattr(CatalogReader, "catalog", catalog)
    async with api_with(operator_keys=(KEY,), front_doors="judge0,piston") as client:
        for path, sent in calls:
            headers = {"Authorization": f"Bearer {KEY}", "X-Auth-Token": KEY}
            answer = await client.post(path, headers=headers, **sent)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), path
            assert "too little memory" in answer.text
