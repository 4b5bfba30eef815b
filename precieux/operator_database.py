"""The operator's way to the database: the one that the services use, wherever it is.

`PRECIEUX_DATABASE_URL` when it is set; else the embedded Postgres of the data folder, the running one when `up` runs,
or one that is started for the moment.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
from alembic import command
from pydantic import SecretStr

from precieux.postgres.embedded import EmbeddedPostgres, running_url
from precieux.up.settings import load_up_settings, require_data_dir
from shared.database.connection import Database, DatabaseSettings
from shared.database.migrate import alembic_config, require_current
from shared.database.roles import Role
from shared.errors import ConfigurationError, DatabaseUnavailable
from shared.logging import LogSettings, configure_logging
from shared.settings import load

_CONNECT_TIMEOUT: Final = 10.0

T = TypeVar("T")


def operate(work: Callable[[Database], Awaitable[T]], data_dir: Path | None = None) -> T:
    """What `work` makes of the operator's database: the whole of a command that is not itself asynchronous."""
    # Warnings belong on standard error: the result is what a pipe carries.
    configure_logging("operator", load(LogSettings))

    async def main() -> T:
        async with operator_database(data_dir) as database:
            return await work(database)

    return asyncio.run(main())


@contextlib.asynccontextmanager
async def operator_database(data_dir: Path | None = None) -> AsyncIterator[Database]:
    """A connected database of the current schema. Enter it from the main thread; it may start a Postgres there.

    Raises `ConfigurationError` for what the operator must change, `DatabaseUnavailable` when nothing answers.
    """
    settings = load_up_settings(data_dir=data_dir)
    with contextlib.ExitStack() as stack:
        if settings.database_url:
            url = settings.database_url.get_secret_value()
        else:
            require_data_dir(settings.data_dir)
            folder = settings.data_dir / "postgres"
            running = running_url(folder, Role.OPERATOR)
            url = running or await _start_for_the_moment(stack.enter_context(EmbeddedPostgres(folder)))
        database = Database(DatabaseSettings(database_url=SecretStr(url), database_pool_size=2))
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


async def _start_for_the_moment(postgres: EmbeddedPostgres) -> str:
    """Its address, its schema being what `up` would make of it; it may be as new as its folder."""
    await asyncio.to_thread(command.upgrade, alembic_config(postgres.url(Role.OWNER)), "head")
    return postgres.url(Role.OPERATOR)


async def _connect(database: Database) -> None:
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await database.connect()
    except TimeoutError:
        raise DatabaseUnavailable(
            f"The database does not answer within {_CONNECT_TIMEOUT:.0f} s: is it running, and is"
            " PRECIEUX_DATABASE_URL its address?"
        ) from None
    except (asyncpg.PostgresError, ValueError) as exc:
        raise ConfigurationError(f"PRECIEUX_DATABASE_URL does not lead into a database: {exc}.") from exc
