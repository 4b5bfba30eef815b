"""Text as Postgres can hold it."""


def storable(text: str) -> str:
    """The text without NUL and half surrogate pairs. The object store keeps the output of programs as it was."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
