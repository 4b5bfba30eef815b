"""Opens the services' database for the operator's commands.

It is `PRECIEUX_DATABASE_URL` if that is set, else the embedded Postgres of the data folder. If `up` does not run that
Postgres, the command starts it and stops it at its end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
from pydantic import SecretStr

from precieux.installation.schema import upgrade_schema
from precieux.postgres.embedded import EmbeddedPostgres, running_url
from precieux.up.settings import UpSettings, load_up_settings, require_data_dir
from shared.adapters.database.connection import Connection, Database, DatabaseSettings
from shared.adapters.database.roles import Role
from shared.adapters.database.schema import require_current
from shared.common.service.errors import ConfigurationError, DatabaseUnavailable
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import load

_CONNECT_TIMEOUT: Final = 10.0

T = TypeVar("T")


def operate(work: Callable[[Database], Awaitable[T]], data_dir: Path | None = None) -> T:
    """Run `work` with a connected database of the current schema, and return its result. For the main thread.

    Raise `ConfigurationError` for a wrong setting, and `DatabaseUnavailable` if no server answers.
    """
    # The log goes to standard error, because a pipe carries only the result.
    configure_logging("operator", load(LogSettings))
    with address(load_up_settings(data_dir=data_dir), Role.OPERATOR) as url:
        return asyncio.run(_use(url, work))


def transact(work: Callable[[Connection], Awaitable[T]], data_dir: Path | None = None) -> T:
    """Run `work` in one transaction on the operator's database, and return its result."""
    return operate(lambda database: database.transact(work), data_dir)


@contextmanager
def address(settings: UpSettings, role: Role) -> Iterator[str]:
    """Yield the role's address of the database. The owner's may have an older schema than this release."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    require_data_dir(settings.data_dir)
    folder = settings.data_dir / "postgres"
    if running := running_url(folder, role):
        yield running
        return
    with EmbeddedPostgres(folder) as postgres:
        if role is not Role.OWNER:
            upgrade_schema(postgres.url(Role.OWNER))
        yield postgres.url(role)


async def _use(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(load(DatabaseSettings, database_url=SecretStr(url), database_pool_size=2))
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await database.connect()
    except TimeoutError:
        raise DatabaseUnavailable(
            f"The database does not answer within {_CONNECT_TIMEOUT:.0f} s: check that it runs, and that"
            " PRECIEUX_DATABASE_URL is its address."
        ) from None
    try:
        await require_current(database)
        return await work(database)
    except asyncpg.InsufficientPrivilegeError as exc:
        raise ConfigurationError(
            f"The database refuses this to the role of PRECIEUX_DATABASE_URL ({exc}): set it to the address of"
            f" {Role.OPERATOR}, see docs/operations.md."
        ) from exc
    finally:
        await database.disconnect()
