"""MkDocs' hook: where the site differs from the files in docs/.

It opens with the repository's README, which the index of the documents follows. Files outside of docs/ are copied into
it if a page links to them. Its search prefers pages to decisions.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_BADGE = re.compile(r"^!\[.*\]\(https://.*\)\n", re.MULTILINE)  # the site loads nothing from others
_LINK = re.compile(r"\]\((?!https?:|#)")
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+[^)#\s]+)((?:#[^)\s]*)?)\)")
#: Material multiplies the score of a page's sections with it. A word of a title counts a thousand times.
_BOOST = 0.0001


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    docs = Path(config.docs_dir)
    if page.file.src_uri.startswith("adr/"):
        page.meta["search"] = {"boost": _BOOST}
    if page.file.src_uri == "README.md":
        readme = _BADGE.sub("", docs.with_name("README.md").read_text())
        readme = readme.replace("](docs/README.md)", "](#documentation)")
        readme = _LINK.sub("](../", readme).replace("](../docs/", "](")
        markdown = f"{readme}\n#{markdown}"
    folder = (docs / page.file.src_uri).parent

    def inside(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.is_relative_to(docs) or not target.is_file():
            return link[0]  # a link of the site, or one that MkDocs reports
        uri = f"repository/{target.relative_to(docs.parent).as_posix()}".replace(".md", ".md.txt")
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        return f"]({'../' * page.file.src_uri.count('/')}{uri})"

    return _OUTSIDE.sub(inside, markdown)
