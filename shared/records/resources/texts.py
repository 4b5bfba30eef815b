"""Texts that are cut to a number of bytes, and outputs whose text differs from what the program has written."""

from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import ObjectNotFound


def cut(text: str | None, max_bytes: int) -> str | None:
    """Return the first `max_bytes` bytes of the text's UTF-8, in whole characters."""
    if text is None or len(text) * 4 <= max_bytes:
        return text
    return text.encode()[:max_bytes].decode("utf-8", "ignore")


async def raw_output(store: ObjectStore, text: str, key: str | None) -> bytes:
    """Return the bytes of a standard output, whose text is stored, and whose bytes are in the object `key`.

    The database stores no NUL, and only UTF-8.
    """
    if "\N{REPLACEMENT CHARACTER}" in text and key:
        try:
            return await store.get(key)
        except ObjectNotFound:
            pass
    return text.encode()
