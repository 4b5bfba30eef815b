import pytest

from shared.adapters.database.roles import Role


@pytest.fixture
def database_role() -> Role:
    return Role.CONSUMER
