import pytest

from shared.database.roles import Role
from tests.fixtures.postgres import url_of


@pytest.fixture
def database_role() -> Role:
    return Role.OPERATOR


@pytest.fixture
def operator(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands have the rights of the operator's role; `database_url` is the owner's, which may do everything."""
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", url_of(Role.OPERATOR, database_url))
