import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from starlette import types

from shared.adapters.database.connection import Database
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.postgres import owner_of
from tests.integration import rows
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.served import Served, serving
from tests.integration.rows import bearer
from tests.problem_packages import LEGACY, NEW_YAML, TESTS, pack

PUBLIC_URL = "https://precieux.example.org/base"
PATH: Final = "/v1/problems/sum"
ZIP: Final = {"Content-Type": "application/zip"}
PACKAGE: Final = pack(LEGACY).getvalue()
CHECKED: Final = pack(
    {
        "problem.yaml": f"{NEW_YAML}type: [scoring]\nlimits: {{time_limit: 2}}\n",
        **TESTS,
        "output_validator/check.py": "raise SystemExit(42)\n",
        "attachments/notes.txt": "12345",
        "data/secret/b.in": "5\r\n",
        "data/secret/b.ans": "6\n",
    }
).getvalue()


async def put(client: httpx.AsyncClient, package: bytes = PACKAGE, path: str = PATH, **settings: Any) -> dict[str, Any]:
    if settings:
        files: dict[str, Any] = {"package": ("p.zip", package), "problem": (None, json.dumps(settings))}
        answer = await client.put(path, files=files)
    else:
        answer = await client.put(path, content=package, headers=ZIP)
    assert answer.status_code in (200, 201), answer.text
    problem: dict[str, Any] = answer.json()
    return problem


def app_of(client: httpx.AsyncClient) -> FastAPI:
    app: FastAPI = client._transport.app  # type: ignore[attr-defined]
    return app


def note_while_sent(client: httpx.AsyncClient, note: Callable[[], object]) -> None:
    """Call `note` before each message of the client's answers is sent."""
    app = app_of(client)

    async def watched(scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        async def noting(message: types.Message) -> None:
            note()
            await send(message)

        await app(scope, receive, noting)

    client._transport.app = watched  # type: ignore[attr-defined]


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner(b"k" * 32, PUBLIC_URL)


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    headers: dict[str, str]


async def make_key(database: Database, name: str, *scopes: Scope) -> Key:
    async with owner_of(database).transaction() as connection:
        key_id, key = await api_keys.create(connection, name, scopes or (Scope.SUBMIT, Scope.READ))
    return Key(key_id, bearer(key))


@pytest.fixture
async def alice(database: Database) -> Key:
    return await make_key(database, "alice")


@pytest.fixture
async def mallory(database: Database) -> Key:
    return await make_key(database, "mallory")


@pytest.fixture
async def admin(database: Database) -> Key:
    return await make_key(database, "admin", Scope.ADMIN)


@pytest.fixture
async def setter(database: Database) -> Key:
    return await make_key(database, "setter", Scope.SUBMIT, Scope.READ, Scope.PROBLEMS)


@pytest.fixture
async def student(database: Database) -> Key:
    return await make_key(database, "student", Scope.SUBMIT, Scope.READ)


@pytest.fixture
async def problem_languages(database: Database) -> None:
    """Offer the languages of problems, with limits that packages stay within."""
    limits = {
        "cpu_s": {"default": 5, "max": 20},
        "wall_s": {"default": 10, "max": 100},
        "memory_bytes": {"default": 1 << 28, "max": 1 << 30},
        "output_bytes": {"default": 1 << 20, "max": 1 << 22},
        "processes": {"default": 64, "max": 128},
    }
    await rows.offer(database, "py", compiled=False, name="Python", limits=limits)
    await rows.offer(database, "cpp", compiled=True, name="C++", limits=limits)


@pytest.fixture
async def served(api_with: ApiWith) -> AsyncIterator[Served]:
    """Yield an API behind a socket."""
    async with serving(api_with) as served:
        yield served
