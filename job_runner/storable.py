"""Removes characters that Postgres cannot store as text."""


def storable(text: str) -> str:
    """Return the text without NUL and lone surrogates. The object store keeps the output of programs unchanged."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
