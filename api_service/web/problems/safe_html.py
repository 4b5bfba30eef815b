"""Makes safe HTML of the statements of packages, which are hostile. Pure.

The sanitiser keeps no script, style, form, frame, class, id or foreign picture. The page's policy would stop them, too.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

import nh3
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

from api_service.web.visible import HIDDEN

#: Returns the address of a picture that a statement names; None if the package has no such picture.
AddressOf = Callable[[str], str | None]

#: The parser looks for the end of each bracket. A text with more of them stays as it is written.
_MAX_BRACKETS: Final = 500
#: Characters of a formula. Longer ones stay as they are written.
_MAX_FORMULA: Final = 2000
_FORMULA_TAGS: Final = {
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder",
    "munderover",
}  # fmt: skip
#: Parts of a page, which a statement is not.
_NO_TAGS: Final = {"area", "article", "aside", "details", "footer", "header", "hgroup", "map", "nav", "summary"}
_TAGS: Final = (nh3.ALLOWED_TAGS | _FORMULA_TAGS) - _NO_TAGS
_WITHOUT_CONTENT: Final = {"noscript", "script", "style", "template", "textarea", "title"}
_ATTRIBUTES: Final = {
    "*": {"dir", "lang"}, "a": {"href"}, "img": {"alt", "height", "src", "width"}, "math": {"display"},
    "mo": {"fence", "stretchy"}, "ol": {"start"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"},
}  # fmt: skip


def of_markdown(text: str, address_of: AddressOf) -> Markup:
    """Return the HTML of a statement in Markdown, with formulas between `$` as MathML."""
    if text.count("[") > _MAX_BRACKETS:
        return Markup("<pre>{}</pre>").format(text)
    return of_html(_MARKDOWN.render(text), address_of)


def of_html(text: str, address_of: AddressOf) -> Markup:
    """Return what is harmless in the HTML of a statement. Pictures get the addresses that `address_of` returns."""

    def filtered(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            return address_of(value)
        # What is relative would lead to other pages of this server.
        return value if attribute != "href" or value.lower().startswith(("http:", "https:", "mailto:")) else None

    clean = nh3.clean(
        text,
        tags=_TAGS,
        clean_content_tags=_WITHOUT_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=filtered,
    )
    return Markup(HIDDEN.sub("", clean))  # noqa: S704  (it is clean)


def _formula(text: str, options: Mapping[str, Any]) -> str:
    try:
        if len(text) <= _MAX_FORMULA:
            return convert(text, display="block" if options["display_mode"] else "inline")
    except Exception:  # noqa: S110  (the library raises many kinds for what it cannot read)
        pass
    return f"<code>{escape(text)}</code>"


def _fit_headings(tokens: Sequence[Token]) -> None:
    """Put the highest headings of a statement right below that of its page."""
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    up = min((int(token.tag[1:]) for token in headings), default=2) - 2
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1:]) - up)}"


# A definition can be named so often that the HTML is a thousand times as long.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": True}).enable("table").disable("reference")
_MARKDOWN.use(dollarmath_plugin, renderer=_formula, allow_digits=False, allow_space=False, double_inline=True)
_MARKDOWN.core.ruler.push("headings", lambda state: _fit_headings(state.tokens))
