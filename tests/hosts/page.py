"""Writes an architecture's last table into docs/hosts.md, between two marks. People write the rest of the page."""

from pathlib import Path
from typing import Final

from tests.hosts.errors import HostsError

_BEGIN: Final = "<!-- written by `make test-hosts` for {} -->"
_END: Final = "<!-- until here -->"


def check(page: Path, architecture: str) -> None:
    """Raise `HostsError` if there is no place for the table of `architecture`."""
    _around(page, architecture)


def write(page: Path, architecture: str, lines: list[str]) -> None:
    """Replace the table of `architecture`, and keep everything else."""
    before, after = _around(page, architecture)
    page.write_text("\n".join([before, "", *lines, "", after]))


def _around(page: Path, architecture: str) -> tuple[str, str]:
    """Return what stands before the table and after it, with both marks."""
    mark = _BEGIN.format(architecture)
    text = page.read_text() if page.is_file() else ""
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise HostsError(
            f"{page} has no line `{mark}` with a line `{_END}` below it. Add both where the table belongs."
        )
    return before + begin, end + after
