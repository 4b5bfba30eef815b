"""MkDocs' hook: copies files outside of docs/ that a page links to into the site."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LINK = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)((?:#[^)\s]*)?)\)")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page's text with links to the copies of such files."""
    docs = Path(config.docs_dir)
    folder = (docs / page.file.src_uri).parent

    def inside(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.is_relative_to(docs) or not target.is_file():
            return link[0]  # a link of the site, or one that MkDocs reports
        uri = f"repository/{target.relative_to(docs.parent).as_posix()}".replace(".md", ".md.txt")
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        return f"]({'../' * page.file.src_uri.count('/')}{uri})"

    return _LINK.sub(inside, markdown)
