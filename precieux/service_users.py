"""The users that a machine's units run as, and the ids from which the executor gives each program its own user."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

_EXECUTOR: Final = "precieux-executor"
#: The first id that useradd(8) grants, and the number of ids for one user.
_FIRST_ID: Final = 100_000
_COUNT: Final = 65536


def commands(sysusers: Path, etc: Path = Path("/etc")) -> Iterator[Sequence[str]]:
    """Yield the commands that make the users of a sysusers.d(5) file, and that grant the executor its ids."""
    yield ["systemd-sysusers", str(sysusers)]
    if not ids_can_be_mapped() or not shutil.which("usermod"):
        return
    granted = [(etc / name).read_text() if (etc / name).exists() else "" for name in ("subuid", "subgid")]
    if not all(f"{_EXECUTOR}:" in text for text in granted):
        first = free_range(granted)
        ids = f"{first}-{first + _COUNT - 1}"
        yield ["usermod", "--add-subuids", ids, "--add-subgids", ids, _EXECUTOR]


def ids_can_be_mapped() -> bool:
    """Return True if newuidmap(1) is installed, which the executor needs to use the ids."""
    return shutil.which("newuidmap") is not None


def free_range(granted: Iterable[str]) -> int:
    """Return the first of 65536 ids that none of these files (subuid(5)) grants."""
    free = _FIRST_ID
    for first, count in sorted(_ranges(granted)):
        if first >= free + _COUNT:
            break
        free = max(free, first + count)
    return free


def _ranges(granted: Iterable[str]) -> Iterator[tuple[int, int]]:
    for text in granted:
        for line in text.splitlines():
            first, _, count = line.partition(":")[2].partition(":")
            if first.isdecimal() and count.strip().isdecimal():
                yield int(first), int(count)
