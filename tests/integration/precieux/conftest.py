import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from tests.fixtures.postgres import connected, url_of
from tests.integration.precieux.commands import OnDatabase, Sql
from tests.integration.rows import fetch


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


T = TypeVar("T")


@pytest.fixture
def on_database(database_url: str) -> Callable[[Callable[[Database], Awaitable[T]]], T]:
    """Return a function that uses the operator's database between two commands, which have their own event loops."""

    def run(work: Callable[[Database], Awaitable[T]]) -> T:
        async def main() -> T:
            async with connected(database_url) as database:
                return await work(database)

        return asyncio.run(main())

    return run


@pytest.fixture
def sql(on_database: OnDatabase) -> Sql:
    """Return a function that runs a statement, and returns its rows."""
    return lambda statement, **values: on_database(lambda database: fetch(database, statement, **values))
