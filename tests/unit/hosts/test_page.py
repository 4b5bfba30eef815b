"""A table replaces its architecture's old one on the page, and nothing else."""

from pathlib import Path

import pytest

from tests.hosts import page
from tests.hosts.architecture import ARCHITECTURES
from tests.hosts.errors import HostsError
from tests.hosts.image import ROOT

_PAGE = """# Hosts

<!-- written by `make test-hosts` for amd64 -->
old
<!-- until here -->

<!-- written by `make test-hosts` for arm64 -->
other
<!-- until here -->

More.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "hosts.md"
    file.write_text(_PAGE)
    return file


def test_only_the_table_of_the_architecture_changes(file: Path) -> None:
    for _ in range(2):
        page.write(file, "amd64", ["new"])
        assert file.read_text() == _PAGE.replace("old", "\nnew\n")
    page.write(file, "arm64", ["newer"])
    assert file.read_text() == _PAGE.replace("old", "\nnew\n").replace("other", "\nnewer\n")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_docs_hosts_has_a_place_for_each_architecture(file: Path, architecture: str) -> None:
    file.write_text((ROOT / "docs/hosts.md").read_text())
    page.write(file, architecture, [f"table of {architecture}"])
    assert f"table of {architecture}" in file.read_text()


def test_a_page_without_the_marks_is_an_error(file: Path) -> None:
    file.write_text("nothing")
    with pytest.raises(HostsError, match=r"has no line .* for amd64"):
        page.write(file, "amd64", [])
    assert file.read_text() == "nothing"


def test_a_page_that_is_missing_is_named_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(HostsError, match=r"missing\.md has no line"):
        page.check(tmp_path / "missing.md", "amd64")
