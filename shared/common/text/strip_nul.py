"""Replaces characters that Postgres cannot store as text."""


def strip_nul(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced. The object store keeps a program's output unchanged."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
