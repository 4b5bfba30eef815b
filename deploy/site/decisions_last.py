"""MkDocs' hook: lets the search prefer pages to decisions."""

from mkdocs.structure.pages import Page

#: Material multiplies the score of a page's sections with it.
_BOOST = 0.2


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    if page.file.src_uri.startswith("adr/"):
        page.meta["search"] = {"boost": _BOOST}
    return markdown
