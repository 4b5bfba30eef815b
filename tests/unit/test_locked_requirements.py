"""What `deploy/bootstrap` fetches: only names with versions and hashes, and enough of them."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FILES: Final = sorted((ROOT / "deploy/requirements").glob("*.txt"))


def pinned(file: Path) -> set[str]:
    entries = re.split(r"\n(?=\S)", file.read_text().strip())
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+( ; .+?)? \\\n +--hash=sha256:[0-9a-f]{64}", entry), (
            entry
        )
    return {re.split(r"[=\[]", entry, maxsplit=1)[0] for entry in entries}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_package_has_a_version_and_a_hash(file: Path) -> None:
    assert pinned(file)


def test_what_the_build_asks_for_is_locked() -> None:
    build_system = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    required = {re.split(r"[^a-z0-9-]", one, maxsplit=1)[0] for one in build_system["requires"]}
    # The second is hatchling's own wish for an editable installation, the third our hook's where no compiler is.
    assert required | {"editables"} <= pinned(ROOT / "deploy/requirements/build.txt")
    assert "ziglang" in pinned(ROOT / "deploy/requirements/compiler.txt")
    assert '["ziglang"]' in (ROOT / "deploy/compile_init.py").read_text()


def test_nothing_is_installed_in_any_other_way() -> None:
    calls = re.findall(r"pip_install (--.+)", (ROOT / "deploy/bootstrap").read_text())
    assert len(calls) == 3
    for call in calls:
        assert "--require-hashes" in call or {"--no-build-isolation", "--no-deps"} <= set(call.split()), call
