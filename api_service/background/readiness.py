"""Checks if the API can serve requests, and store submissions."""

from collections.abc import Awaitable, Callable
from typing import Final

from api_service.cached import CachedFor
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import DatabaseUnavailable, StoreUnavailable

#: Seconds for which a result is reused, because clients may ask at any rate.
_DATABASE_SECONDS: Final = 0.5
#: An object is written, which takes longer, and may cost money.
_STORE_SECONDS: Final = 10.0
READINESS_KEY: Final = "readiness"


class Readiness:
    """Says whether the `database` answers and whether the `store` takes an object."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self.database = CachedFor(_DATABASE_SECONDS, lambda: _works(database.ping, DatabaseUnavailable))
        self.store = CachedFor(_STORE_SECONDS, lambda: _works(lambda: store.put(READINESS_KEY, b""), StoreUnavailable))


async def _works(action: Callable[[], Awaitable[object]], error: type[Exception]) -> bool:
    try:
        await action()
    except error:
        return False
    return True
