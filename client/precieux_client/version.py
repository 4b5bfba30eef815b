"""The version of this distribution."""

from typing import Final

VERSION: Final = "1.0.0"
