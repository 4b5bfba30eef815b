"""Opens the services' database for the operator's commands.

It is `PRECIEUX_DATABASE_URL` if that is set, else the embedded Postgres of the data folder. If `up` does not run that
Postgres, the command starts it and stops it at its end.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
from pydantic import SecretStr

from precieux.postgres.embedded import EmbeddedPostgres, running_url
from precieux.schema import revision_of
from precieux.up.settings import load_up_settings, require_data_dir
from shared.database.connection import Connection, Database, DatabaseSettings
from shared.database.roles import Role
from shared.database.schema import require_current, revisions
from shared.errors import ConfigurationError, DatabaseUnavailable
from shared.logging import LogSettings, configure_logging
from shared.settings import load

_CONNECT_TIMEOUT: Final = 10.0

T = TypeVar("T")


def operate(work: Callable[[Database], Awaitable[T]], data_dir: Path | None = None) -> T:
    """Run `work` with the operator's database, and return its result. For commands, which are not asynchronous."""
    # The log goes to standard error, because a pipe carries only the result.
    configure_logging("operator", load(LogSettings))

    async def main() -> T:
        async with operator_database(data_dir) as database:
            return await work(database)

    return asyncio.run(main())


def operate_in_transaction(work: Callable[[Connection], Awaitable[T]], data_dir: Path | None = None) -> T:
    """Run `work` in one transaction on the operator's database, and return its result."""

    async def in_transaction(database: Database) -> T:
        async with database.transaction() as connection:
            return await work(connection)

    return operate(in_transaction, data_dir)


@contextlib.asynccontextmanager
async def operator_database(data_dir: Path | None = None) -> AsyncIterator[Database]:
    """Yield a connected database of the current schema. Enter it from the main thread, as it may start a Postgres.

    Raise `ConfigurationError` for a wrong setting, and `DatabaseUnavailable` if no server answers.
    """
    settings = load_up_settings(data_dir=data_dir)
    with contextlib.ExitStack() as stack:
        if settings.database_url:
            url = settings.database_url.get_secret_value()
        else:
            require_data_dir(settings.data_dir)
            folder = settings.data_dir / "postgres"
            running = running_url(folder, Role.OPERATOR)
            url = running or await _upgrade(stack.enter_context(EmbeddedPostgres(folder)))
        database = Database(load(DatabaseSettings, database_url=SecretStr(url), database_pool_size=2))
        await _connect(database)
        try:
            await require_current(database)
            yield database
        except asyncpg.InsufficientPrivilegeError as exc:
            raise ConfigurationError(
                f"The database refuses this to the role of PRECIEUX_DATABASE_URL ({exc}): set it to the address of"
                f" {Role.OPERATOR}, see docs/operations.md."
            ) from exc
        finally:
            await database.disconnect()


async def _upgrade(postgres: EmbeddedPostgres) -> str:
    """Upgrade the schema as `up` does, because the database may be new or old. Return its address."""
    from shared.database.migrate import upgrade  # Alembic is large, and most commands do not need it.

    url = postgres.url(Role.OWNER)
    current = revision_of(url)
    if current is None or current in revisions():  # `require_current` judges a schema that is newer
        await asyncio.to_thread(upgrade, url)
    return postgres.url(Role.OPERATOR)


async def _connect(database: Database) -> None:
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await database.connect()
    except TimeoutError:
        raise DatabaseUnavailable(
            f"The database does not answer within {_CONNECT_TIMEOUT:.0f} s: check that it runs, and that"
            " PRECIEUX_DATABASE_URL is its address."
        ) from None
