"""Reads the revision of a database's schema, by its address alone."""

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

    async def ask() -> str | None:
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
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            return found
        finally:
            await connection.close()

    return asyncio.run(ask())
