"""Writes the last table into docs/hosts.md, between two marks; the words around it are a person's."""

from pathlib import Path
from typing import Final

from tests.hosts.errors import HostsError

_BEGIN: Final = "<!-- written by `make test-hosts` -->"
_END: Final = "<!-- until here -->"


def write(page: Path, lines: list[str]) -> None:
    text = page.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise HostsError(
            f"{page} has no line `{_BEGIN}` with a line `{_END}` below it, between which the table belongs."
        )
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))
