"""Finds the features of HTML and CSS that a mail uses, and which mail programs support them (https://www.caniemail.com)."""

import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent / "features.json"
FAMILIES: Final = {"gmail": "Gmail", "outlook": "Outlook", "apple-mail": "Apple Mail"}

#: By what is used in a mail: the features of caniemail.com, where their names differ.
_FEATURES: Final = {
    **dict.fromkeys(("<h1>", "<h2>", "<h3>"), "html-h1-h6"),
    **dict.fromkeys(("<table>", "<tr>", "<td>", "<th>", "scope"), "html-table"),
    **{f"border-{side}": "css-border" for side in ("top", "bottom", "color", "top-color")},
    **{f"padding-{side}": "css-padding" for side in ("left", "right")},
    "!important": "css-important",
    "@media": "css-at-media",
    "class": "css-selector-class",
    "display:none": "css-display-none",
    "prefers-color-scheme": "css-at-media-prefers-color-scheme",
    "mailto:": "html-mailto-links",
    "color-scheme": "html-meta-color-scheme",
}
#: What every mail program has, so that caniemail.com does not list it.
_UNLISTED: Final = frozenset(
    {"<html>", "<head>", "<meta>", "<title>", "<a>", "<br>", "href", "style", "border", "charset", "content", "name"}
    | {"color", "font-family"}
)
#: What caniemail.com does not list, and what a reader loses little without: a keyboard cannot scroll a long line.
_AIDS: Final = frozenset({"tabindex"})
_DECLARATION: Final = re.compile(r"([a-z-]+)\s*:\s*([^;}]+)")


def used(html: str) -> set[str]:
    """Return the features of a mail by their names at caniemail.com. Raises `KeyError` for one that is not known."""
    return {_feature(name) for name in _Uses(html).names if name not in _UNLISTED | _AIDS}


def support(feature: str) -> dict[str, dict[str, str]]:
    """Return the support of a feature by family and platform: `y`, `a` (partly), `n` or `u` (not known)."""
    found: dict[str, dict[str, str]] = _DATA[feature]["support"]
    return found


def title(feature: str) -> str:
    return str(_DATA[feature]["title"])


def reduced(data: str, features: Iterable[str]) -> str:
    """Return the text of `features.json` with these features, a line each, from that of caniemail.com."""
    rows = []
    for row in json.loads(data)["data"]:
        families = {
            family: {platform: [*versions.values()][-1][0] for platform, versions in platforms.items()}
            for family, platforms in row["stats"].items()
            if family in FAMILIES
        }
        if row["slug"] in features:
            rows.append(f"{json.dumps(row['slug'])}: {json.dumps({'title': row['title'], 'support': families})}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def known() -> set[str]:
    """Return the features in `features.json`."""
    return {*_DATA}


def _feature(name: str) -> str:
    if name in _FEATURES:
        return _FEATURES[name]
    bare = name.strip("<>")
    for feature in (f"html-{bare}", f"css-{bare}"):
        if feature in _DATA:
            return feature
    raise KeyError(name)


class _Uses(HTMLParser):
    """Collects elements as `<a>`, attributes, CSS properties, and a few values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = {"<doctype>"}
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        self.names.add(f"<{tag}>")
        for name, value in attrs:
            self.names.add(name)
            if name == "style":
                self.names |= set(_declared(value or ""))
            if value == "color-scheme" or (name == "href" and (value or "").startswith("mailto:")):
                self.names.add("mailto:" if name == "href" else "color-scheme")

    def handle_data(self, data: str) -> None:
        if self._in_style and data.strip():
            self.names |= {"@media", "prefers-color-scheme"}
            for block in re.findall(r"\.[\w-]+ {([^}]*)}", data):
                self.names |= set(_declared(block))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def _declared(style: str) -> Iterator[str]:
    for name, value in _DECLARATION.findall(style):
        yield f"{name}:{value}" if value == "none" and name == "display" else name
        if "!important" in value:
            yield "!important"


_DATA: Final = json.loads(DATA.read_text()) if DATA.exists() else {}
