"""Texts that are cut to a number of bytes."""


def cut(text: str | None, max_bytes: int) -> str | None:
    """Return the first `max_bytes` bytes of the text's UTF-8, in whole characters."""
    if text is None or len(text) * 4 <= max_bytes:
        return text
    return text.encode()[:max_bytes].decode("utf-8", "ignore")
