"""A clock that the tests set, for the processes of one host (libfaketime)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LIBRARIES: Final = "lib/*/faketime/libfaketimeMT.so.1"


class Clock:
    """The clock of the processes that are started with `environment`. They see a change within a second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.shift(0)

    @property
    def environment(self) -> Mapping[str, str]:
        library = find_library()
        assert library is not None
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DISABLE_SHM": "1",
            # Only the time of day is wrong. Timers and the times of files are right.
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def shift(self, seconds: int) -> None:
        """Let the clock be so many seconds ahead of this process's, or behind it if the number is negative."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:+d}\n")
        draft.chmod(0o644)
        draft.replace(self._file)


def find_library() -> Path | None:
    """Return the library, or None if it is not installed."""
    return next(Path("/usr").glob(_LIBRARIES), None)
