"""The files that make Precieux a systemd service: their content and place, and a check for changes.

They come from `deploy/systemd`. The ones that an upgrade may replace begin with a checksum of the rest, so an
operator's changes are noticed. Settings are written once, and then belong to the operator.
"""

import hashlib
import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from precieux.ports import free_ports
from shared.atomic_write import create_file
from shared.errors import ConfigurationError

#: The names of the units, in the order of their start.
UNITS: Final = ("precieux-executor", "precieux")

_PYTHON: Final = "/opt/precieux/bin/python"
_FIRST_PORT: Final = 8100
_HEADER: Final = (
    "# Made by `precieux install-service`, which also replaces it ({checksum}). Changes belong into a drop-in:"
    " systemctl edit {name}\n"
)
_MARK: Final = re.compile(r"# Made by `precieux install-service`, which also replaces it \(([0-9a-f]{16})\)\.")


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of the files and the options of systemctl, for the whole machine or for one user."""

    units: Path
    settings: Path
    #: None if the units run as the user that installs them.
    sysusers: Path | None
    options: tuple[str, ...] = ()

    @property
    def for_user(self) -> bool:
        return self.sysusers is None


def of_machine(root: Path = Path("/")) -> Place:
    etc = root / "etc"
    return Place(etc / "systemd/system", etc / "precieux", etc / "sysusers.d")


def of_user(environment: Mapping[str, str] = os.environ) -> Place:
    config = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Place(config / "systemd/user", config / "precieux", None, ("--user",))


@dataclass(frozen=True, slots=True)
class File:
    """A file that upgrades replace."""

    path: Path
    content: str

    def was_changed(self) -> bool:
        """Return True if the file exists but is not as we wrote it."""
        try:
            found = self.path.read_text()
        except FileNotFoundError:
            return False
        first, _, rest = found.partition("\n")
        mark = _MARK.match(first)
        return mark is None or mark[1] != _checksum(rest)

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.content)
        self.path.chmod(0o644)


@dataclass(frozen=True, slots=True)
class Settings:
    """A file with settings or secrets, which only its owner can read. It is written once."""

    path: Path
    content: str

    def write_once(self) -> bool:
        """Write the file and return True; return False if it exists."""
        if os.path.lexists(self.path):
            return False
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        create_file(self.path, self.content.encode())
        return True


def units(place: Place, python: str = sys.executable) -> list[File]:
    """Return the units, which call `python`, and for a machine the file of the users that they run as."""
    if not re.fullmatch(r"/[\w./+-]+", python):
        raise ConfigurationError(
            f"A unit of systemd cannot run {python}: install Precieux in a folder without spaces and special"
            " characters, such as /opt/precieux."
        )
    source = _source()
    folder = source / ("user" if place.for_user else "system")
    files = []
    for name in UNITS:
        text = (folder / f"{name}.service").read_text().replace(_PYTHON, python)
        files.append(_marked(place.units / f"{name}.service", text, " ".join((*place.options, name))))
    if place.sysusers:
        files.append(_marked(place.sysusers / "precieux.conf", (source / "sysusers.conf").read_text(), "precieux"))
    return files


def settings(place: Place) -> list[Settings]:
    """Return the files of settings, with a new token and a port that is free now."""
    source = _source()
    (port,) = free_ports(1, range(_FIRST_PORT, _FIRST_PORT + 100))
    executor = (source / "executor.env").read_text().replace(str(_FIRST_PORT), str(port))
    executor = executor.replace("PRECIEUX_CODEX_TOKEN=\n", f"PRECIEUX_CODEX_TOKEN={secrets.token_urlsafe(32)}\n")
    return [
        Settings(place.settings / "env", (source / "env").read_text()),
        Settings(place.settings / "executor.env", executor),
    ]


def _source() -> Traversable:
    """Return the folder of the files, in the installed package or in a checkout."""
    packed = resources.files("precieux") / "systemd"
    return packed if packed.is_dir() else Path(__file__).parents[1] / "deploy/systemd"


def _marked(path: Path, text: str, name: str) -> File:
    return File(path, _HEADER.format(checksum=_checksum(text), name=name) + text)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
