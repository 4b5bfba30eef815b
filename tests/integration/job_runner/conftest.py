from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.database.roles import Role
from shared.storage.local import LocalStore
from shared.storage.signing import LinkSigner


@pytest.fixture
def database_role() -> Role:
    return Role.RUNNER


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    store = LocalStore(tmp_path, LinkSigner(b"k" * 32, "http://api"))
    yield store
    await store.close()
