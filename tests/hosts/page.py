"""Writes an architecture's last table into docs/hosts.md, between two marks; the words around it are a person's."""

from pathlib import Path
from typing import Final

from tests.hosts.errors import HostsError

_BEGIN: Final = "<!-- written by `make test-hosts` for {} -->"
_END: Final = "<!-- until here -->"


def write(page: Path, architecture: str, lines: list[str]) -> None:
    """Replace the table of `architecture`; the other ones stay."""
    text = page.read_text()
    mark = _BEGIN.format(architecture)
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise HostsError(f"{page} has no line `{mark}` with a line `{_END}` below it, between which the table belongs.")
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))
