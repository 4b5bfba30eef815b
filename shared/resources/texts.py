"""Texts that are cut to a number of bytes."""


def cut(text: str | None, most: int) -> str | None:
    """Return the first `most` bytes of the text's UTF-8, in whole characters."""
    if text is None or len(text) * 4 <= most:
        return text
    return text.encode()[:most].decode("utf-8", "ignore")
