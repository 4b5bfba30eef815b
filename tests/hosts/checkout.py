"""Installs the last commit of this checkout in a machine."""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.fixtures import wheels
from tests.hosts.guest import Guest
from tests.hosts.image import ROOT
from tests.hosts.reporting import HostsError

FOLDER: Final = "/srv/precieux"
_LIMIT_S: Final = 1800
#: The folder of the commit's wheel. It is built here: its compiler takes minutes on an emulated processor.
BUILT: Final = "built"
#: Keeps the virtual environment, and updates it if the commit needs other packages. Also installs the commit in /opt,
#: as an operator does.
_INSTALL: Final = f"""
set -e
cd {FOLDER}
find . -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {{}} +
tar -x
deploy/bootstrap docs
.venv/bin/python -m executor.sandbox.init.build
/opt/precieux/bin/pip install --quiet --no-deps --force-reinstall {BUILT}/*.whl
.venv/bin/python -m compileall -q -x /programs/ executor shared precieux tests
"""


def commit() -> str:
    return _git("rev-parse", "--short", "HEAD").decode().strip()


def is_clean() -> bool:
    """Return True if there are no uncommitted changes."""
    return not _git("status", "--porcelain").strip()


def install(guest: Guest) -> None:
    """Install the commit, and the wheel of it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        _git("worktree", "add", "--quiet", "--detach", str(source), "HEAD")
        try:
            wheel = wheels.build("x86_64", Path(folder), source)
        finally:
            _git("worktree", "remove", "--force", str(source))
        archive = _git("archive", f"--prefix={BUILT}/", f"--add-file={wheel}", "--prefix=", "HEAD")
    result = guest.run("root", _INSTALL, _LIMIT_S, stdin=archive)
    if not result.ok:
        raise HostsError(f"The checkout could not be installed in the machine: {result.words}")


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout
