"""`precieux install-service`: writes the files of a systemd service, and says the commands that start it.

The files come from `deploy/systemd`. Units are replaced at each call, so changes of them belong into a drop-in.
Settings are written once, and then belong to the operator.
"""

import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

import typer

from precieux import terminal
from shared.common.files.atomic_write import create_file
from shared.common.service.errors import ConfigurationError, PrecieuxError

#: The names of the units, in the order of their start.
UNITS: Final = ("precieux-executor", "precieux")
_PYTHON: Final = "/opt/precieux/bin/python"
_HEADER: Final = "# `precieux install-service` replaces this file. Changes belong into a drop-in: systemctl edit NAME\n"
#: ProtectHome= hides these from the units.
_HOMES: Final = tuple(Path(folder) for folder in ("/home", "/root", "/run/user"))
_LINGERING: Final = Path("/var/lib/systemd/linger")
_EXECUTOR: Final = "precieux-executor"
#: The first id that useradd(8) grants, and the number of ids for one user.
_FIRST_ID: Final = 100_000
_COUNT: Final = 65536

User = Annotated[bool, typer.Option("--user", help="Install it for your user only, without root.")]
Print = Annotated[bool, typer.Option("--print", help="Print the units and the commands, and write nothing.")]


def install_service(user: User = False, print_only: Print = False) -> None:
    """Write the units and the settings of a service of systemd, and say the commands that start it."""
    etc = Path("/etc")
    if user:
        etc = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    units = unit_files(etc, user=user)
    commands = [] if user else list(preparations(etc))
    if print_only:
        for path, text in units.items():
            terminal.say(f"# {path}\n{text}")
        for words in commands:
            terminal.say(" ".join(words))
    else:
        if not user:
            require_reachable()
        write(units, setting_files(etc))
        for words in commands:
            _run(words)
    _say_next(etc, user=user)


def unit_files(etc: Path, *, user: bool, python: str = sys.executable) -> dict[Path, str]:
    """Return the units, which call `python`, and for a machine the file of the users that they run as."""
    if not re.fullmatch(r"/[\w./+-]+", python):
        raise ConfigurationError(
            f"A unit of systemd cannot run {python}: install Precieux in a folder without spaces and special"
            " characters, such as /opt/precieux."
        )
    source, kind = _source(), "user" if user else "system"
    texts = {f"systemd/{kind}/{name}.service": source / kind / f"{name}.service" for name in UNITS}
    if not user:
        texts["sysusers.d/precieux.conf"] = source / "sysusers.conf"
    return {etc / name: _HEADER + file.read_text().replace(_PYTHON, python) for name, file in texts.items()}


def setting_files(etc: Path) -> dict[Path, str]:
    """Return the files of settings, with a new token that the executor and the services share."""
    executor = (_source() / "executor.env").read_text()
    token = f"PRECIEUX_CODEX_TOKEN={secrets.token_urlsafe(32)}\n"
    return {
        etc / "precieux/env": (_source() / "env").read_text(),
        etc / "precieux/executor.env": executor.replace("PRECIEUX_CODEX_TOKEN=\n", token),
    }


def write(units: Mapping[Path, str], settings: Mapping[Path, str]) -> None:
    """Write the units, and the settings that do not exist. Only their owner can read these."""
    try:
        for path, text in units.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
        for path, text in settings.items():
            if not os.path.lexists(path):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
                create_file(path, text.encode())
    except PermissionError as exc:
        raise ConfigurationError(
            f"{exc.filename} cannot be written: use sudo, or `precieux install-service --user` for yourself."
        ) from exc


def preparations(etc: Path) -> Iterator[Sequence[str]]:
    """Yield the commands that make the users, and that grant the executor ids, by which each program gets its own."""
    yield ["systemd-sysusers", str(etc / "sysusers.d/precieux.conf")]
    files = [etc / "subuid", etc / "subgid"]
    granted = [file.read_text() if file.exists() else "" for file in files]
    if shutil.which("newuidmap") and not all(f"{_EXECUTOR}:" in text for text in granted):
        ranges = (line.split(":")[1:3] for text in granted for line in text.splitlines() if line.count(":") == 2)
        first = max([_FIRST_ID, *(int(first) + int(count) for first, count in ranges)])
        ids = f"{first}-{first + _COUNT - 1}"
        yield ["usermod", "--add-subuids", ids, "--add-subgids", ids, _EXECUTOR]


def require_reachable() -> None:
    """Raise `ConfigurationError` if the units could not reach this Precieux."""
    for path in (Path(sys.prefix), Path(sys.executable).resolve()):
        if any(path.is_relative_to(home) for home in _HOMES):
            raise ConfigurationError(
                f"The service could not reach {path}, because it sees no home folder. Install Precieux in another one:"
                " `python3 -m venv /opt/precieux`, `/opt/precieux/bin/pip install` of the wheel of `make wheel`, then"
                " `/opt/precieux/bin/precieux install-service`."
            )


def _say_next(etc: Path, *, user: bool) -> None:
    options, names = " --user" * user, " ".join(UNITS)
    terminal.say("These two commands start Precieux, now and at every boot, and again after an upgrade:")
    terminal.say(f"systemctl{options} enable {names}")
    terminal.say(f"systemctl{options} restart {names}")
    terminal.hint(f"Its settings are in {etc}/precieux. Its log: `journalctl{options} -u precieux -u {_EXECUTOR} -f`.")
    if not shutil.which("newuidmap"):
        terminal.hint("All programs share one user. To give each its own: `apt install uidmap`, then call this again.")
    if user and not (_LINGERING / pwd.getpwuid(os.getuid()).pw_name).exists():
        terminal.hint("It runs only while you are logged in. To keep it running: `loginctl enable-linger`.")


def _run(words: Sequence[str]) -> None:
    try:
        subprocess.run(words, stdout=2, check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise PrecieuxError(f"`{' '.join(words)}` failed: {exc}.") from exc


def _source() -> Traversable:
    """Return the folder of the files, in the installed package or in a checkout."""
    packed = resources.files("precieux") / "systemd"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "deploy/systemd"
