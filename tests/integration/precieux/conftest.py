import pytest

from shared.database.roles import Role


@pytest.fixture
def database_role() -> Role:
    return Role.OPERATOR
