"""The HTML of the mails uses what mail programs support, fits them, and can be read."""

import re
from functools import cache
from html.parser import HTMLParser
from itertools import product
from typing import Final

import pytest

from job_runner.emails.rendering import PALETTE
from tests.mail_gallery import email_of, mails

#: The elements, attributes, properties and values that were looked up at https://www.caniemail.com. docs/mail.md lists
#: those that some of Gmail, Outlook and Apple Mail lack, and what their readers see then: write each new one there.
LOOKED_UP: Final = {
    "<a>", "<body>", "<br>", "<div>", "<doctype>", "<h1>", "<h2>", "<h3>", "<head>", "<html>", "<meta>", "<p>",
    "<pre>", "<span>", "<style>", "<table>", "<td>", "<th>", "<title>", "<tr>", "align", "aria-label", "cellpadding",
    "cellspacing", "charset", "class", "content", "dir", "href", "lang", "name", "role", "scope", "style", "tabindex",
    "width", "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-radius",
    "border-top", "border-top-color", "color", "display", "display:none", "font-family", "font-size", "font-weight",
    "line-height", "margin", "max-height", "max-width", "overflow", "padding", "padding-left", "padding-right",
    "table-layout", "text-align", "text-decoration", "vertical-align", "white-space", "word-break", "!important",
    "@media", "prefers-color-scheme", "color-scheme", "mailto:",
}  # fmt: skip


class Uses(HTMLParser):
    """Collects elements as `<a>`, attributes, CSS properties, and a few values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names = {"<doctype>"}
        self.feed(html)
        for block in re.findall(r"<style>(.*?)</style>", html, re.DOTALL):
            self.names |= {"@media", "prefers-color-scheme"}
            for declarations in re.findall(r"\.[\w-]+ {([^}]*)}", block):
                self.add_style(declarations)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(f"<{tag}>")
        for name, value in attrs:
            self.names.add(name)
            if name == "style":
                self.add_style(value or "")
            if value == "color-scheme" or (name == "href" and (value or "").startswith("mailto:")):
                self.names.add("mailto:" if name == "href" else "color-scheme")

    def add_style(self, declarations: str) -> None:
        for name, value in re.findall(r"([a-z-]+)\s*:\s*([^;}]+)", declarations):
            self.names.add("display:none" if (name, value) == ("display", "none") else name)
            if "!important" in value:
                self.names.add("!important")


@cache
def pages() -> dict[str, str]:
    """Return the HTML of each mail by its name."""
    return {f"{name}-{locale}": email_of(mail, locale).html for name, locale, mail in mails()}


def test_mails_use_only_what_was_looked_up() -> None:
    used = {feature: name for name, page in pages().items() for feature in Uses(page).names}
    assert used.keys() == LOOKED_UP, used


def test_a_mail_fits_what_gmail_shows() -> None:
    """Gmail cuts off what follows after 102 KB, and drops a style element of more than 16 KB."""
    for name, page in pages().items():
        assert len(page.encode()) < 102_000, name
        assert len(re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0]) < 16_000, name


@pytest.mark.parametrize(
    ("text", "ground", "scheme"),
    [
        *product(("ink", "muted", "good", "bad", "accent"), ("card",), (0, 1)),
        *product(("ink", "muted"), ("page", "panel"), (0, 1)),
    ],
)
def test_text_stands_out_from_its_ground(text: str, ground: str, scheme: int) -> None:
    assert contrast(PALETTE[text][scheme], PALETTE[ground][scheme]) >= 4.5


def test_the_button_can_be_read_in_both_schemes() -> None:
    assert contrast("#ffffff", PALETTE["accent"][0]) >= 4.5
    assert contrast(PALETTE["page"][1], PALETTE["accent"][1]) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colours (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
