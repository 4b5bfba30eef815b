"""A running system with its front doors open."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.fixtures.judge0 import Client, Door
from tests.fixtures.up import SETTINGS, Up, running_system

#: The key that the tests of keys use.
KEY: Final = "a-key-of-the-operator-for-the-front-doors"


@pytest.fixture(scope="session")
def open_system() -> Iterator[Up]:
    """Yield a system that serves clients of Piston, Jobe and MCP. Piston's programs in Dash may run for a minute."""
    long = {"PRECIEUX_PISTON_LIMIT_OVERRIDES": '{"dash": {"run_timeout": 60000}}'}
    with running_system({**SETTINGS, **long, "PRECIEUX_FRONT_DOORS": "piston,jobe,mcp"}) as one:
        yield one


@pytest.fixture
def owner(judge0: Door) -> Client:
    """Return a client of Judge0's calls with a key of its own."""
    return judge0.owner


@pytest.fixture(scope="session")
def fusion_system() -> Iterator[Up]:
    """Yield a system that serves SandboxFusion's clients, by two slots."""
    doors = {"PRECIEUX_API_KEYS": KEY, "PRECIEUX_FRONT_DOORS": "sandboxfusion", "PRECIEUX_EXECUTOR_SLOTS": "2"}
    with running_system(doors) as one:
        yield one
