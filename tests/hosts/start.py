"""How to start the executor or the doctor on a host: in a login, in a scope, or in a unit of systemd."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

PYTHON: Final = "/srv/precieux/.venv/bin/python"
_UNIT: Final = "precieux-host.service"
#: Where the executor's cache is. It is not in a home folder, because the executor's user has none.
CACHE: Final = "XDG_CACHE_HOME=/var/cache"


class Start(Protocol):
    """The user first runs the shell commands in `prepare`. `python` is the interpreter to start."""

    @property
    def prepare(self) -> tuple[str, ...]: ...

    @property
    def python(self) -> str: ...

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words to put before a command that tests start. Several such commands may run at a time."""

    def run(self, command: Sequence[str]) -> str:
        """Return a shell command that runs `command` to its end, and has its output and exit code."""


@dataclass(frozen=True)
class Prefix:
    """Puts words such as `systemd-run --scope` before a command. Without words, the command runs as in a login."""

    words: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    python: str = PYTHON

    @property
    def prefix(self) -> tuple[str, ...]:
        return self.words

    def run(self, command: Sequence[str]) -> str:
        return shlex.join((*self.prefix, *command))


LOGIN: Final = Prefix()


@dataclass(frozen=True)
class Unit:
    """A unit with settings of systemd.exec(5) and systemd.resource-control(5). Tests start transient units with the
    same settings."""

    settings: tuple[str, ...]
    python: str = PYTHON

    @property
    def prepare(self) -> tuple[str, ...]:
        lines = (
            *("[Service]", "Type=notify", f"ExecStart={self.python} -m executor", "CacheDirectory=precieux"),
            "TimeoutStartSec=infinity",  # an emulated machine is slow
            *(f"Environment={CACHE}", *self.settings),
        )
        return (f"printf '%s\\n' {shlex.join(lines)} >/etc/systemd/system/{_UNIT} && systemctl daemon-reload",)

    @property
    def prefix(self) -> tuple[str, ...]:
        settings = [word for setting in self.settings for word in ("-p", setting)]
        return (
            *("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *settings, "-p", "CacheDirectory=precieux"),
            *("env", CACHE),
        )

    def run(self, command: Sequence[str]) -> str:
        return _in_unit(_UNIT, command)


@dataclass(frozen=True)
class Installed:
    """The unit that `precieux install-service` makes. Tests cannot start a second one."""

    options: str = ""
    python: str = "/opt/precieux/bin/python"

    @property
    def prepare(self) -> tuple[str, ...]:
        install = f"/opt/precieux/bin/precieux install-service {self.options}".rstrip()
        return (f"{install} && {_systemctl(self.options)} daemon-reload",)

    @property
    def prefix(self) -> tuple[str, ...]:
        raise NotImplementedError

    def run(self, command: Sequence[str]) -> str:
        return _in_unit("precieux-executor.service", command, self.options)


def _systemctl(options: str) -> str:
    return f"systemctl {options}".rstrip()


def _in_unit(unit: str, command: Sequence[str], options: str = "") -> str:
    """Return a shell command that runs `command` in place of a unit's own, with all settings of the unit. `options` are
    those of systemctl."""
    run = "$XDG_RUNTIME_DIR" if options else "/run"
    systemctl = _systemctl(options)
    folder = f"{run}/systemd/{'user' if options else 'system'}/{unit}.d"
    lines = (
        *("[Service]", "Type=oneshot", "Restart=no", "WatchdogSec=0", "ExecStart=", f"ExecStart={shlex.join(command)}"),
        *("StandardOutput=truncate:%t/hosts.output", "StandardError=truncate:%t/hosts.error"),
    )
    return f"""
        {systemctl} stop {unit}
        mkdir -p {folder} && printf '%s\\n' {shlex.join(lines)} >{folder}/zz-hosts.conf && {systemctl} daemon-reload
        trap 'rm {folder}/zz-hosts.conf; {systemctl} daemon-reload' EXIT
        {systemctl} start {unit} 2>/dev/null
        cat {run}/hosts.output; cat {run}/hosts.error >&2
        exit "$({systemctl} show --property=ExecMainStatus --value {unit})"
    """
