"""MkDocs' hook: lets the search prefer pages to decisions."""

from mkdocs.structure.pages import Page

#: Material multiplies the score of a page's sections with it. A word of a title counts a thousand times.
_BOOST = 0.0001


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    if page.file.src_uri.startswith("adr/"):
        page.meta["search"] = {"boost": _BOOST}
    return markdown
