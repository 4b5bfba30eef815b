"""The HTML of the mails uses what mail programs support, and nothing depends on what some of them lack."""

import re
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from job_runner.emails.texts.templating import PALETTE
from tests import caniemail
from tests.mail_gallery import email_of, mails

DOCUMENT: Final = Path(__file__).parents[3] / "docs/mail.md"

#: What some of Gmail, Outlook and Apple Mail do not support, or only partly, and what their readers see then.
FALLBACKS: Final = {
    "css-at-media": "the light colours",
    "css-at-media-prefers-color-scheme": "the light colours, or what the program makes of them",
    "css-border": "the same; only widths above 8 px differ",
    "css-border-radius": "square corners",
    "css-display": "the same; only other values differ",
    "css-display-none": "the line of the preview above the mail",
    "css-font-size": "the same; only relative sizes differ",
    "css-font-weight": "the same; only numbers differ",
    "css-important": "the light colours",
    "css-line-height": "lines a little closer or wider",
    "css-margin": "the same; only negative margins differ",
    "css-max-height": "the line of the preview above the mail",
    "css-max-width": "a mail as wide as the window",
    "css-overflow": "a mail as wide as the longest line of an output",
    "css-padding": "a little less room beside the text",
    "css-selector-class": "the light colours",
    "css-table-layout": "a mail as wide as the longest line of an output",
    "css-text-align": "the same; only `start` and `end` differ, which is why each mail says left or right",
    "css-text-decoration": "the same; only several values at once differ",
    "css-white-space": "points on two lines",
    "css-word-break": "a column as wide as its longest word",
    "html-aria-label": "nothing: the title says the same",
    "html-align": "the same; only images differ",
    "html-body": "the same: the frame has its own colour and room",
    "html-dir": "the same: the text has its side in the style too",
    "html-doctype": "the same",
    "html-meta-color-scheme": "the light colours, or what the program makes of them",
    "html-role": "nothing; a screen reader may announce the frame as a table",
    "html-width": "the same; only images differ",
    "html-style": "the light colours",
}


@cache
def pages() -> dict[str, str]:
    """Return the HTML of each mail by its name."""
    return {f"{name}-{locale}": email_of(mail, locale).html for name, locale, mail in mails()}


def test_what_some_programs_lack_has_a_fallback() -> None:
    used = {feature: name for name, page in pages().items() for feature in caniemail.used(page)}
    lacking = {feature: name for feature, name in used.items() if not is_supported_by_all(feature)}
    # Each has a fallback, and no fallback is of another feature.
    assert lacking.keys() == FALLBACKS.keys(), lacking


def test_the_document_lists_the_features() -> None:
    assert table() in DOCUMENT.read_text()


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


def is_supported_by_all(feature: str) -> bool:
    return all(value == "y" for platforms in caniemail.support(feature).values() for value in platforms.values())


def table() -> str:
    """Return the table of docs/mail.md."""
    lines = ["| feature | Gmail | Outlook | Apple Mail | what is seen without it |", "|---|---|---|---|---|"]
    for feature, fallback in FALLBACKS.items():
        cells = []
        for family in caniemail.FAMILIES:
            values = set(caniemail.support(feature).get(family, {"": "u"}).values())
            cells.append("yes" if values == {"y"} else "no" if values <= {"n", "u"} else "partly")
        title = caniemail.title(feature).replace("<", "`<").replace(">", ">`")
        lines.append(f"| {title} | {' | '.join(cells)} | {fallback} |")
    return "\n".join(lines) + "\n"


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colours (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
