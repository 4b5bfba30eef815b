"""The object store port: whole objects by key.

We make the keys (`{id}.{extension}`, `results/...`). A client's path is never one.
"""

from collections.abc import AsyncGenerator
from typing import Final, Protocol

from shared.common.files.content import Content

#: Seconds for which a link works, a week; S3 allows no more.
LINK_SECONDS: Final = 7 * 86_400


class ObjectStore(Protocol):
    """A store of objects. Every method raises `StoreUnavailable` if the store cannot be reached."""

    async def put(self, key: str, data: Content, *, content_type: str = "application/octet-stream") -> None:
        """Store an object durably, or replace it. Readers see the old object or the new one, never a part.

        If the machine loses its power before the return, a part of a new object may be left under its key.
        """

    async def get(self, key: str) -> bytes:
        """Return the whole object. Raise `ObjectNotFound` if there is none."""

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes of the object from `start`. Raise `ObjectNotFound` if there is no object."""

    async def size(self, key: str) -> int:
        """Return the object's bytes. Raise `ObjectNotFound` if there is no object."""

    async def link(self, key: str) -> str:
        """Return an address from which anyone can read the object for `LINK_SECONDS`."""

    async def delete(self, key: str) -> None:
        """Remove the object, if there is one."""

    async def delete_prefix(self, prefix: str) -> None:
        """Remove every object whose key begins with `prefix`, which is itself a key."""

    def keys(self, folder: str) -> AsyncGenerator[list[str]]:
        """Yield the keys of the objects in this folder, some at a time. A folder without objects has none."""

    async def close(self) -> None:
        """Release all connections, threads and descriptors. It may be called twice."""
