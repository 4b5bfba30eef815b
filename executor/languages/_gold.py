"""gold: for a small program it links in half the time of the default GNU linker, and less than any other.

Left to itself it also reads all of the system's library folders, which the compiler names anyway.
"""

from typing import Final

from executor.languages.base import Option

_GOLD = ("/usr/bin/ld.gold",)

OPTIONS: Final = {"gold": Option("-fuse-ld=gold", _GOLD), "named_folders": Option("-Wl,-nostdlib", _GOLD)}
WORDS: Final = ("{gold}", "{named_folders}")
