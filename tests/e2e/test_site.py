"""The site of the documents: it has every page and picture."""

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from shared.common.version import VERSION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_ROOT: Final = Path(__file__).parents[2]


def test_the_site_has_all_pages(tmp_path: Path) -> None:
    done = subprocess.run(["make", "docs", f"args=--site-dir {tmp_path}"], cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(_ROOT / "docs").with_suffix(".html") for path in (_ROOT / "docs").rglob("*.md")}
    pages = {page.with_name("index.html") if page.stem == "README" else page for page in pages}
    assert [page for page in pages if not (tmp_path / page).is_file()] == []
    first = (tmp_path / "index.html").read_text()  # README.md, then the index
    assert 0 < first.find('src="images/result-light.png"') < first.find('id="documentation"')
    upgrade = (tmp_path / "how-to/upgrade.html").read_text()
    assert '"../repository/CHANGELOG.md.txt"' in upgrade
    assert f"## {VERSION} - " in (tmp_path / "repository/CHANGELOG.md.txt").read_text()
    found = json.loads((tmp_path / "search/search_index.json").read_text())["docs"]
    assert {entry["location"][:4] for entry in found if "boost" in entry} == {"adr/"}  # pages come first
