"""Reads what a command must know of a database before it uses it: the revision of its schema, and if it has keys."""

import asyncio
from typing import Final

import asyncpg

from shared.database.connection_errors import UNAVAILABLE, wrong_address
from shared.service.errors import DatabaseUnavailable

_TIMEOUT: Final = 10.0


def revision_of(url: str) -> str | None:
    """Return the revision of the database at `url`; None if it is empty.

    Raise `DatabaseUnavailable` if no server answers, and `ConfigurationError` if the address is wrong.
    """
    if asyncio.run(_value(url, "SELECT to_regclass('alembic_version')")) is None:
        return None
    return str(asyncio.run(_value(url, "SELECT version_num FROM alembic_version")))


def has_keys(url: str) -> bool:
    """Return True if API keys have been made in the database at `url`, so that every call needs one."""
    return bool(asyncio.run(_value(url, "SELECT EXISTS (SELECT FROM api_keys)")))


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
