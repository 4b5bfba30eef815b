"""The names inside pika, asyncpg and databases that we use. After an upgrade, this says which of them is missing.

`pyproject.toml` allows no release of them that these tests have not seen.
"""

import inspect
import tomllib
from pathlib import Path

import asyncpg
import databases
import pika
import pytest
from packaging.requirements import Requirement
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.select_connection import SelectConnection


@pytest.mark.parametrize("name", ["_read_frame", "_terminate_stream", "_adapter_call_later", "_adapter_remove_timeout"])
def test_the_connection_of_pika_has(name: str) -> None:
    assert hasattr(SelectConnection, name)
    assert hasattr(AsyncioConnection, name)


def test_the_connection_of_pika_keeps_what_it_has_received() -> None:
    assert "self._frame_buffer +=" in inspect.getsource(pika.connection.Connection)


def test_the_connection_of_pika_is_still_made_of_another() -> None:
    assert "self._impl" in inspect.getsource(getattr(pika.BlockingConnection, "_flush_output"))  # noqa: B009  (the type stubs leave it out)
    assert "_impl_class" in inspect.signature(pika.BlockingConnection).parameters


def test_a_connection_of_asyncpg_has_its_socket() -> None:
    assert "_transport" in asyncpg.Connection.__slots__


def test_databases_keeps_the_pool_of_asyncpg() -> None:
    assert databases.Database("postgresql://localhost/any")._backend._pool is None


@pytest.mark.parametrize("package", ["asyncpg", "databases", "pika"])
def test_later_releases_are_not_installed_unseen(package: str) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    [needed] = [one for one in map(Requirement, project["dependencies"]) if one.name == package]
    assert any(bound.operator in ("<", "<=", "==", "~=") for bound in needed.specifier)
