"""The version of this release, for the package's metadata and for what runs from a folder that was never installed."""

from typing import Final

VERSION: Final = "0.1.0"
