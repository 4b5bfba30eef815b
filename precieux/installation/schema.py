"""Reads what a command must know of a database before it uses it, and upgrades its schema."""

import asyncio
from typing import Final

import asyncpg
from pydantic import SecretStr

from shared.adapters.database.connection_errors import UNAVAILABLE, wrong_address
from shared.common.service.errors import DatabaseUnavailable

_TIMEOUT: Final = 10.0


def revision_of(url: str) -> str | None:
    """Return the revision of the database at `url`; None if it is empty.

    Raise `DatabaseUnavailable` if no server answers, and `ConfigurationError` if the address is wrong.
    """
    try:
        return str(asyncio.run(_value(url, "SELECT version_num FROM alembic_version")))
    except asyncpg.UndefinedTableError:
        return None


def has_keys(url: str) -> bool:
    """Return True if API keys have been made in the database at `url`, so that every call needs one."""
    return bool(asyncio.run(_value(url, "SELECT EXISTS (SELECT FROM api_keys)")))


def upgrade_schema(url: str) -> None:
    """Bring the schema to this release's, unless it is newer. Raise `ConfigurationError` if it cannot be used."""
    from shared.adapters.database.connection import DatabaseSettings  # `up`, which stays small, does without both
    from shared.adapters.database.migrate import upgrade_if_older

    upgrade_if_older(DatabaseSettings(database_url=SecretStr(url)))


async def _value(url: str, query: str) -> object:
    try:
        connection = await asyncpg.connect(url, timeout=_TIMEOUT)
    except Exception as exc:
        if wrong := wrong_address(exc):
            raise wrong from exc
        if not isinstance(exc, (*UNAVAILABLE, asyncpg.PostgresError)):
            raise
        raise DatabaseUnavailable(
            f"The database does not answer ({str(exc) or f'within {_TIMEOUT:.0f} s'}): check that it runs, and that"
            " PRECIEUX_DATABASE_URL is its address."
        ) from exc
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
