"""Explains errors of a connection that only a wrong `PRECIEUX_DATABASE_URL` causes. It loads only asyncpg."""

from typing import Final

import asyncpg

from shared.errors import ConfigurationError

#: What asyncpg raises for an address whose user, password, database or port is wrong.
NOT_A_DATABASE: Final = (asyncpg.PostgresError, ValueError, OverflowError)


def wrong_address(error: BaseException) -> ConfigurationError:
    """Return the error to raise in place of one of `NOT_A_DATABASE`."""
    return ConfigurationError(f"PRECIEUX_DATABASE_URL is not the address of a database: {str(error).rstrip('.')}.")
