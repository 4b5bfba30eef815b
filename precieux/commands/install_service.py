"""`precieux install-service`: makes Precieux a systemd service, and starts it now and at every boot.

For the whole machine it makes two users, one for the services and one for the executor. With `--user` everything runs
as the calling user. Called again after an upgrade, it replaces the units and restarts them.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from precieux import service_files, service_users, terminal
from precieux.service_files import UNITS, Place
from shared.errors import ConfigurationError, PrecieuxError
from shared.settings import default_data_dir

#: ProtectHome= hides these from the units.
_HOMES: Final = tuple(Path(folder) for folder in ("/home", "/root", "/run/user"))
#: Exists if systemd runs the machine (sd_booted(3)).
_BOOTED: Final = Path("/run/systemd/system")
_LINGERING: Final = Path("/var/lib/systemd/linger")

User = Annotated[bool, typer.Option("--user", help="Install it for your user only, without root.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the files and the commands, and change nothing.")]
Remove = Annotated[bool, typer.Option("--remove", help="Stop it and remove the units. Data and settings stay.")]


class ServiceFailed(PrecieuxError):
    """A command of the installation failed."""


def install_service(user: User = False, dry_run: DryRun = False, remove: Remove = False) -> None:
    """Make Precieux a systemd service, and start it now and at every boot."""
    place = service_files.of_user() if user else service_files.of_machine()
    if dry_run:
        show_removal(place) if remove else show(place)
        return
    check_host(place)
    if remove:
        uninstall(place)
    else:
        install(place)


def check_host(place: Place) -> None:
    """Raise `ConfigurationError` if this machine or this user cannot install the service."""
    if not _BOOTED.is_dir():
        raise ConfigurationError("This machine does not run systemd. Let its own init system start `precieux up`.")
    if place.for_user:
        return
    if os.geteuid() != 0:
        raise ConfigurationError("Only root can do this: use sudo, or `precieux install-service --user` for yourself.")
    for path in (Path(sys.prefix), Path(sys.executable).resolve()):
        if any(path.is_relative_to(home) for home in _HOMES):
            raise ConfigurationError(
                f"The service could not reach {path}, because it sees no home folder. Install Precieux in another one:"
                " `python3 -m venv /opt/precieux && /opt/precieux/bin/pip install precieux`, then"
                " `/opt/precieux/bin/precieux install-service`."
            )


def install(place: Place) -> None:
    """Write the missing and the outdated files, and start the service. Return when it is ready."""
    files = service_files.units(place)
    if changed := [str(file.path) for file in files if file.was_changed()]:
        raise ConfigurationError(
            f"These files were changed, so they are not replaced: {', '.join(changed)}. Move the changes into a drop-in"
            f" (`{_shown(_systemctl(place, 'edit', UNITS[-1]))}`), remove the files, and try again."
        )
    for file in files:
        file.write()
    for settings in service_files.settings(place):
        if settings.write_once():
            terminal.hint(f"Wrote {settings.path}.")
    for words in _preparations(place):
        _run(words)
    terminal.hint("Starting. The first start takes longer, because it makes the database.")
    try:
        _run(_systemctl(place, "restart", *UNITS))
    except ServiceFailed as exc:
        subprocess.run(_journal(place, "-n", "30", "-o", "cat", "--no-pager"), stdout=2, check=False)
        raise ServiceFailed("The service does not start; its log above says why.") from exc
    _show_summary(place)


def show(place: Place) -> None:
    """Print what `install` would write and run."""
    for file in service_files.units(place):
        terminal.say(f"# {file.path}\n{file.content}")
    for settings in service_files.settings(place):
        terminal.say(f"# {settings.path}: {'stays' if settings.path.exists() else 'would hold the default settings'}")
    for words in (*_preparations(place), _systemctl(place, "restart", *UNITS)):
        terminal.say(_shown(words))


def uninstall(place: Place) -> None:
    """Stop the service, and remove its units, except changed ones."""
    found = [file for file in service_files.units(place) if file.path.exists()]
    if not found:
        raise ConfigurationError(f"There is nothing to remove: {place.units} holds no unit of Precieux.")
    changed = [file.path for file in found if file.was_changed()]
    _run(_stop(place))
    for file in found:
        if file.path not in changed:
            file.path.unlink()
    _run(_systemctl(place, "daemon-reload"))
    kept = [str(default_data_dir()), str(place.settings)]
    if not place.for_user:
        kept += ["/var/cache/precieux", "the users precieux and precieux-executor"]
    kept += [f"{path}, which was changed" for path in changed]
    terminal.say(f"The service is removed. These stay: {'; '.join(kept)}.")


def show_removal(place: Place) -> None:
    """Print what `uninstall` would run and remove."""
    ours = [file.path for file in service_files.units(place) if file.path.exists() and not file.was_changed()]
    for words in (_stop(place), ["rm", *map(str, ours)]):
        terminal.say(_shown(words))


def _show_summary(place: Place) -> None:
    status = subprocess.run(
        _systemctl(place, "show", "--property=StatusText", "--value", UNITS[-1]),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    command = f"{sys.prefix}/bin/precieux"
    again = _shown([command, "install-service", *place.options])
    lines = {
        "API": status.stdout.strip(),
        "Data folder": default_data_dir(),
        "Settings": f"{place.settings}/env, {place.settings}/executor.env",
        "Restart": _shown(_systemctl(place, "restart", *UNITS)),
        "Stop": _shown(_systemctl(place, "stop", *UNITS)),
        "Log": _shown(_journal(place, "-f")),
        "A client's key": f"{command} keys create NAME",
        "After an upgrade": again,
        "Remove": f"{again} --remove",
    }
    terminal.say("Precieux runs as a service, and starts at every boot.")
    for name, value in lines.items():
        terminal.say(f"{name}: {value}")
    if not service_users.ids_can_be_mapped():
        terminal.hint(f"All programs share one user. To give each its own: `apt install uidmap`, then `{again}`.")
    if place.for_user and not (_LINGERING / pwd.getpwuid(os.getuid()).pw_name).exists():
        terminal.hint("It runs only while you are logged in. To keep it running: `loginctl enable-linger`.")


def _preparations(place: Place) -> Iterator[Sequence[str]]:
    """Yield the commands to run before the start."""
    if place.sysusers:
        yield from service_users.commands(place.sysusers / "precieux.conf")
    yield _systemctl(place, "daemon-reload")
    yield _systemctl(place, "enable", "--quiet", *UNITS)


def _stop(place: Place) -> list[str]:
    return _systemctl(place, "disable", "--quiet", "--now", *reversed(UNITS))


def _systemctl(place: Place, *words: str) -> list[str]:
    return ["systemctl", *place.options, *words]


def _journal(place: Place, *words: str) -> list[str]:
    return ["journalctl", *place.options, *(f"--unit={name}" for name in UNITS), *words]


def _shown(words: Sequence[str]) -> str:
    return " ".join(words)


def _run(words: Sequence[str]) -> None:
    try:
        code = subprocess.run(words, stdout=2, check=False).returncode
    except OSError as exc:
        raise ServiceFailed(f"{words[0]} cannot be run ({exc.strerror}).") from exc
    if code != 0:
        raise ServiceFailed(f"`{_shown(words)}` failed (exit code {code}).")
