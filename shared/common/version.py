"""The version of this release, for the package's metadata and for programs that run without being installed."""

from typing import Final

VERSION: Final = "1.0.0"
