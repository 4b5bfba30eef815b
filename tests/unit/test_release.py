"""`deploy/release` refuses a wrong state, takes the notes from the changelog, and sets a tag only after its checks."""

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_CHANGELOG: Final = """# Changelog

## Unreleased

- Not yet.

## 1.2.3 - 2026-12-31

### Added
- A new call.

## 1.2.2 - 2026-11-30

- An old one.
"""
#: A stand-in for Python. It makes the site, and fails when it runs the program that `FAILING` names.
_PYTHON: Final = """#!/bin/sh
case " $* " in
*" mkdocs "*) for folder; do :; done; mkdir "$folder" ;;
*" $FAILING "*) exit 1 ;;
*" cyclonedx_py "* | *" debsbom.cli "*) cat >/dev/null ;;
esac
"""
#: Stand-ins for Docker and make. `docker save` prints an image, and make fails if the tests of the images shall.
_DOCKER: Final = """#!/bin/sh
[ "$1" != "$FAILING" ] || exit 1
case $1 in
build | create | save) echo "$*" ;;
esac
"""
_MAKE: Final = """#!/bin/sh
[ "$PRECIEUX_TEST_IMAGES $*" = "built test-compose" ] && [ "$FAILING" != make ]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with a version, a changelog, and a Python that builds nothing."""
    for name, text in {
        "shared/common/version.py": 'VERSION: Final = "1.2.3"\n',
        "CHANGELOG.md": _CHANGELOG,
        ".gitignore": ".venv/\ndist/\n",
        ".venv/bin/python": _PYTHON,
        ".venv/stand-ins/docker": _DOCKER,
        ".venv/stand-ins/make": _MAKE,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy2(_ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(_ROOT / "deploy/requirements", tmp_path / "deploy/requirements")
    for command in (tmp_path / ".venv").glob("*/*"):
        command.chmod(0o755)
    for name in ("release", "Dockerfile"):
        shutil.copy2(_ROOT / "deploy" / name, tmp_path / "deploy")
    bootstrap = tmp_path / "deploy/bootstrap"
    bootstrap.write_text("#!/bin/sh\n")
    bootstrap.chmod(0o755)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(checkout: Path, *arguments: str) -> str:
    settings = ("user.name=A", "user.email=a@example.com", "commit.gpgsign=false", "tag.gpgsign=false")
    command = ["git", *(word for setting in settings for word in ("-c", setting)), *arguments]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "A change")


def release(checkout: Path, failing: str = "nothing", *, images: bool = False) -> subprocess.CompletedProcess[str]:
    who = {f"GIT_{role}_{part}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    return subprocess.run(
        ["deploy/release", *([] if images else ["--without-images"])],
        cwd=checkout,
        env={"PATH": f"{checkout}/.venv/stand-ins:/usr/bin:/bin", "FAILING": failing, **who},
        capture_output=True,
        text=True,
    )


def test_it_tags_the_commit_with_the_notes(checkout: Path) -> None:
    done = release(checkout)
    assert done.returncode == 0, done.stderr
    assert git(checkout, "tag", "--list", "--format=%(refname:short) %(contents)").strip() == (
        "v1.2.3 Precieux 1.2.3\n\n### Added\n- A new call."
    )
    sums = (checkout / "dist/1.2.3/SHA256SUMS").read_text().split()
    assert sums[1::2] == ["notes.md", "precieux-docs-1.2.3.tar.gz"]


def test_each_image_is_saved_with_its_list_of_packages(checkout: Path) -> None:
    done = release(checkout, images=True)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (checkout / "dist/1.2.3").iterdir()}
    images = ["service", "executor", "executor-full", "gateway"]
    assert {f"precieux-{image}-1.2.3.tar.gz" for image in images} <= made
    assert {f"precieux-{image}.cdx.json" for image in images} <= made
    # Compose takes the tag without a version.
    saved = gzip.decompress((checkout / "dist/1.2.3/precieux-gateway-1.2.3.tar.gz").read_bytes()).decode()
    assert saved == "save precieux-gateway:latest precieux-gateway:1.2.3\n"


@pytest.mark.parametrize(
    ("failing", "images"),
    [
        *((step, False) for step in ("build", "twine", "cyclonedx_py", "pytest")),
        *((step, True) for step in ("version", "build", "export", "save", "debsbom.cli", "make")),
    ],
)
def test_a_failed_step_makes_no_tag(checkout: Path, failing: str, images: bool) -> None:
    done = release(checkout, failing, images=images)
    assert done.returncode != 0
    assert git(checkout, "tag") == ""
    assert (failing == "version") is ("The images need a Docker engine, and none answers" in done.stderr)


def test_a_wrong_state_is_refused(checkout: Path) -> None:
    (checkout / "new.txt").touch()
    assert "There are uncommitted changes" in release(checkout).stderr
    (checkout / "new.txt").unlink()
    git(checkout, "tag", "v1.2.3")
    assert "v1.2.3 exists" in release(checkout).stderr
    (checkout / "shared/common/version.py").write_text('VERSION: Final = "1.3.0"\n')
    commit(checkout)
    assert "CHANGELOG.md has no section '## 1.3.0 - DATE'" in release(checkout).stderr
    assert not (checkout / "dist").exists()
