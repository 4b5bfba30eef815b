"""Writes the project's addresses and its readme for the page of a package index. It is a metadata hook of Hatch.

The addresses are those of the repository that is built (`git remote get-url origin`), so a fork's page leads to the
fork. If the repository has no web page, there are no addresses. The index cannot follow the readme's relative links, so
they become addresses too.
"""

import re
import subprocess
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_ORIGIN = re.compile(r"(?:https://|ssh://git@|git@)([\w.-]+)[:/]([\w./-]+?)(?:\.git)?/?")
_LINK = re.compile(r"(!?\[[^\]]*\]\()(?!https?:|mailto:|#)([^)\s]+)\)")


class ProjectPage(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        with open(f"{self.root}/README.md", encoding="utf-8") as file:
            readme = file.read()
        metadata["urls"] = {}
        if repository := self._repository():
            files = f"{repository}/blob/v{metadata['version']}"
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{files}/docs/README.md",
                "Changelog": f"{files}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
            readme = _LINK.sub(lambda link: f"{link[1]}{_address(files, link[1], link[2])})", readme)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}

    def _repository(self) -> str | None:
        """Return the address of the repository's web page."""
        command = ["git", "remote", "get-url", "origin"]
        try:
            done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        except OSError:
            return None
        found = _ORIGIN.fullmatch(done.stdout.strip())
        return f"https://{found[1]}/{found[2]}" if found else None


def _address(files: str, beginning: str, path: str) -> str:
    """Return the address of a file, or of its content if it is an image."""
    return f"{files.replace('/blob/', '/raw/') if beginning.startswith('!') else files}/{path}"
