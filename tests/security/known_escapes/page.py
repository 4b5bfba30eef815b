"""`python -m tests.security.known_escapes.page` fails if docs/security.md has other escapes than the suite; `make lint`
runs it, and `--write` writes the suite's into the page."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path("docs/security.md")
TABLE: Final[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("escapes.toml").read_text())
_PART: Final = re.compile(r"(?<=<!-- known escapes -->\n\n).*?(?=\n<!-- / -->)", re.DOTALL)


def with_table(page: str) -> str:
    """Return the page with the suite's table. Raises ValueError if it has no place for it."""
    text, places = _PART.subn(lambda _: "".join(_lines()), page)
    if places != 1:
        raise ValueError("no <!-- known escapes --> in the page")
    return text


def _lines() -> Iterator[str]:
    yield "| escape | subsystem | entry | closed by |\n|---|---|---|---|\n"
    for name, subsystem, probes in TABLE["escapes"]["rows"]:
        found = [TABLE["probes"][probe] for probe in probes]
        entries = ", ".join(entry for entry, _, _ in found)
        ways = ", ".join(dict.fromkeys(TABLE["how"][how] for _, _, how in found))
        reasons = "".join(f". {TABLE['open'][probe]}" for probe in probes if probe in TABLE["open"])
        yield f"| {name} | {subsystem} | {entries} | {ways}{reasons} |\n"


def main() -> None:
    page = PAGE.read_text()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_table(page))
    elif with_table(page) != page:
        sys.exit(f"{PAGE}: run `python -m tests.security.known_escapes.page --write`")


if __name__ == "__main__":
    main()
