import logging
from collections.abc import Iterator

import pytest

from shared.adapters.database.roles import Role
from tests.fixtures.postgres import url_of


@pytest.fixture
def database_role() -> Role:
    return Role.OPERATOR


@pytest.fixture
def operator(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands have the rights of the operator's role; `database_url` is the owner's, which may do everything."""
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", url_of(Role.OPERATOR, database_url))


@pytest.fixture(autouse=True)
def _no_log_is_left() -> Iterator[None]:
    """A command sends the log of its process to the test's standard error, which later tests cannot write to."""
    yield
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.WARNING)
