"""The object store port: whole objects by key.

Keys are ours (`{id}.{extension}`, `results/...`), never a client's path.
"""

from datetime import timedelta
from typing import Protocol


class ObjectStore(Protocol):
    """Raises `StoreUnavailable` when the store cannot be reached; private to us until a link is made."""

    async def put(self, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Store durably, replacing what was there; whoever reads sees the old object or the new one, never a part."""

    async def get(self, key: str) -> bytes:
        """The whole object; `ObjectNotFound` when there is none."""

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes of the object from `start`. Raises `ObjectNotFound` if there is no object."""

    async def link(self, key: str, *, expires_in: timedelta) -> str:
        """An address from which anybody can read the object until it expires."""

    async def delete(self, key: str) -> None:
        """Remove the object; quiet when there is none."""

    async def delete_prefix(self, prefix: str) -> None:
        """Remove every object whose key begins with `prefix`, which is itself a key."""

    async def close(self) -> None:
        """Let go of every connection, thread and descriptor; safe to call twice."""
