"""MkDocs' hook: the site opens with the repository's README, and the index of the documents follows it."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

_BADGE = re.compile(r"^!\[.*\]\(https://.*\)\n", re.MULTILINE)  # the site loads nothing from others
_LINK = re.compile(r"\]\((?!https?:|#)")


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: object) -> str:
    if page.file.src_uri != "README.md":
        return markdown
    readme = _BADGE.sub("", Path(config.docs_dir).with_name("README.md").read_text())
    readme = readme.replace("](docs/README.md)", "](#documentation)")
    readme = _LINK.sub("](../", readme).replace("](../docs/", "](")
    return f"{readme}\n#{markdown}"
