import pytest

from shared.roles import Role


@pytest.fixture
def database_role() -> Role:
    return Role.RUNNER
