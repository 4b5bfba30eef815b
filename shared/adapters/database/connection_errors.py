"""Separates errors of a server that is down from those of a wrong address. It loads only asyncpg."""

from typing import Final

import asyncpg

from shared.common.service.errors import ConfigurationError

#: What asyncpg and the socket raise if the server is down, stopping, starting, out of resources or a stand-by.
UNAVAILABLE: Final = (
    OSError,
    asyncpg.InterfaceError,
    # asyncpg raises it after a server was killed in the middle of an answer.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InsufficientResourcesError,  # class 53
    asyncpg.OperatorInterventionError,  # class 57
    asyncpg.PostgresSystemError,  # class 58
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
#: What asyncpg raises for an address whose user, password, database, port or query is wrong.
_WRONG_ADDRESS: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,  # class 28
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
    # A setting of the query that Postgres does not know, or a value that it does not take.
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    ValueError,
    OverflowError,
)


def wrong_address(error: Exception) -> ConfigurationError | None:
    """Return the error to raise if the address cannot be read, or the server refuses its user, password or database.

    Return None for all other errors of a connection: they may pass.
    """
    # A certificate that cannot be verified is an `OSError` and a `ValueError`.
    if isinstance(error, OSError) or not isinstance(error, _WRONG_ADDRESS):
        return None
    return ConfigurationError(f"PRECIEUX_DATABASE_URL is not the address of a database: {str(error).rstrip('.')}.")
