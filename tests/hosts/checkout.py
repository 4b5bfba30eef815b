"""The last commit of this checkout, brought into a machine and installed there."""

import subprocess
from typing import Final

from tests.hosts.errors import HostsError
from tests.hosts.guest import Guest
from tests.hosts.image import ROOT

FOLDER: Final = "/srv/precieux"
_LIMIT_S: Final = 1800
#: The virtual environment stays, and is brought up to date if the commit wants other packages. The commit is also
#: installed as an operator does it, in /opt.
_INSTALL: Final = f"""
set -e
cd {FOLDER}
find . -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {{}} +
tar -x
deploy/bootstrap test
.venv/bin/python -m executor.sandbox.init.build
rm -rf /srv/built
/opt/precieux/bin/pip wheel --quiet --no-deps --wheel-dir /srv/built {FOLDER}
/opt/precieux/bin/pip install --quiet --no-deps --force-reinstall /srv/built/*.whl
.venv/bin/python -m compileall -q -x /programs/ executor shared precieux tests
"""


def commit() -> str:
    return _git("rev-parse", "--short", "HEAD").decode().strip()


def is_clean() -> bool:
    """Return whether the last commit holds everything."""
    return not _git("status", "--porcelain").strip()


def bring(guest: Guest) -> None:
    done = guest.run("root", _INSTALL, _LIMIT_S, stdin=_git("archive", "HEAD"))
    if not done.ok:
        raise HostsError(f"The checkout could not be installed in the machine: {done.words}")


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout
