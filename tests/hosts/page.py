"""Writes an architecture's last table into docs/hosts.md, between two marks. People write the rest of the page."""

from pathlib import Path
from typing import Final

from tests.hosts.errors import HostsError

_BEGIN: Final = "<!-- written by `make test-hosts` for {} -->"
_END: Final = "<!-- until here -->"


def write(page: Path, architecture: str, lines: list[str]) -> None:
    """Replace the table of `architecture`, and keep everything else."""
    text = page.read_text()
    mark = _BEGIN.format(architecture)
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise HostsError(
            f"{page} has no line `{mark}` with a line `{_END}` below it. Add both where the table belongs."
        )
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))
