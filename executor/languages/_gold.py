"""The linker gold, which links a small program in half the time of the default GNU linker.

By default it also reads all library folders of the system, which `-nostdlib` prevents: the compiler names those that
matter.
"""

from typing import Final

from executor.languages.base import Option

_GOLD = ("/usr/bin/ld.gold",)

OPTIONS: Final = {"gold": Option("-fuse-ld=gold", _GOLD), "named_folders": Option("-Wl,-nostdlib", _GOLD)}
WORDS: Final = ("{gold}", "{named_folders}")
