"""A store that needs no service."""

from typing import cast

from queue_consumer.jobs import JobMaker
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import ObjectNotFound


class FakeStore:
    """Keeps objects in a dict, which is all that a job maker needs of a store. Raises `failure` if it is set."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failure: Exception | None = None

    async def get(self, key: str) -> bytes:
        if self.failure:
            raise self.failure
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFound(key) from None


def maker_of(database: Database, store: FakeStore) -> JobMaker:
    return JobMaker(database, cast("ObjectStore", store))
