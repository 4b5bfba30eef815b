"""The keys that an object may have: a subset of what both S3 and a file system accept."""

import re
from typing import Final

# Segments begin with a letter or digit, so neither `..` nor a hidden file is one, and none is empty. `#` is for C#.
_SEGMENT: Final = r"[A-Za-z0-9][A-Za-z0-9._+#-]{0,199}"
_KEY: Final = re.compile(f"{_SEGMENT}(/{_SEGMENT}){{0,7}}", re.ASCII)
_EXTENSION: Final = re.compile(r"[A-Za-z0-9_+#-]{1,16}", re.ASCII)


def checked(key: str) -> str:
    """Return the key. Raise `ValueError` if it is not valid, which is a bug, because we make the keys."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not an object key: {key[:100]!r}")
    return key


def is_extension(extension: str) -> bool:
    """Return True if `{id}.{extension}` is a valid key."""
    return _EXTENSION.fullmatch(extension) is not None
