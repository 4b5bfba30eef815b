"""A running system with its front doors open."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.fixtures.up import SETTINGS, Up, system_in_a_folder

#: The key that the tests of keys use.
KEY: Final = "a-key-of-the-operator-for-the-front-doors"


@pytest.fixture(scope="session")
def piston_system() -> Iterator[Up]:
    """Yield a system that serves Piston v2."""
    for one in system_in_a_folder({**SETTINGS, "PRECIEUX_FRONT_DOORS": "piston"}):
        one.start()
        yield one
