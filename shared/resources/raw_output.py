"""Reads what a program has written where the database's text differs from it: it stores no NUL, and only UTF-8."""

from shared.service.errors import ObjectNotFound
from shared.storage.base import ObjectStore


async def raw_output(store: ObjectStore, text: str, key: str | None) -> bytes:
    """Return the bytes of a standard output, whose text is stored, and whose bytes are in the object `key`."""
    if "\N{REPLACEMENT CHARACTER}" in text and key:
        try:
            return await store.get(key)
        except ObjectNotFound:
            pass
    return text.encode()
