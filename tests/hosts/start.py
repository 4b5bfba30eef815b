"""Ways to start a command on a host, the executor's or the doctor's.

`prefix` comes before a command that tests start, several at a time. `run` returns a shell command that runs one to its
end, with its output and exit code. `prepare` are commands before all that, of the same user.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PYTHON: Final = "/srv/precieux/.venv/bin/python"
_UNIT: Final = "precieux-host.service"
#: A unit and a container have no home; here they keep what is made once.
_CACHE: Final = "/var/cache/precieux"
#: The image that containers are made from.
_IMAGE: Final = "precieux-host"
#: The engine of an ordinary user, by Debian's own script.
_ROOTLESS_DOCKER: Final = """
    PATH=$PATH:/usr/sbin:/sbin:/usr/share/docker.io/contrib
    systemd-run --user --quiet --unit=docker-rootless --setenv=PATH="$PATH" -p Delegate=yes -p Type=notify \\
        -p NotifyAccess=all dockerd-rootless.sh
"""


@dataclass(frozen=True)
class Prefix:
    """By a command that becomes the one that follows it, or runs it as a child; by none, it is as a login gives it."""

    words: tuple[str, ...]
    prepare: tuple[str, ...] = ()

    @property
    def prefix(self) -> tuple[str, ...]:
        return self.words

    def run(self, command: Sequence[str]) -> str:
        return shlex.join((*self.prefix, *command))


@dataclass(frozen=True)
class Unit:
    """As a service of systemd's, with settings of systemd.exec(5) and systemd.resource-control(5). Tests start it as
    transient ones with the same settings."""

    settings: tuple[str, ...]

    @property
    def prepare(self) -> tuple[str, ...]:
        lines = (
            *("[Service]", "Type=notify", f"ExecStart={PYTHON} -m executor", "CacheDirectory=precieux"),
            *(f"Environment=PRECIEUX_EXECUTOR_CACHE_DIR={_CACHE}", *self.settings),
        )
        return (f"printf '%s\\n' {shlex.join(lines)} >/etc/systemd/system/{_UNIT} && systemctl daemon-reload",)

    @property
    def prefix(self) -> tuple[str, ...]:
        settings = [word for setting in self.settings for word in ("-p", setting)]
        return (
            *("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *settings, "-p", "CacheDirectory=precieux"),
            *("env", f"PRECIEUX_EXECUTOR_CACHE_DIR={_CACHE}"),
        )

    def run(self, command: Sequence[str]) -> str:
        """In the unit itself, so with everything that was added to it."""
        folder = f"/run/systemd/system/{_UNIT}.d"
        lines = (
            *("[Service]", "Type=oneshot", "ExecStart=", f"ExecStart={shlex.join(command)}"),
            *("StandardOutput=truncate:/run/hosts.output", "StandardError=truncate:/run/hosts.error"),
        )
        return f"""
            systemctl stop {_UNIT}
            mkdir -p {folder} && printf '%s\\n' {shlex.join(lines)} >{folder}/zz-hosts.conf && systemctl daemon-reload
            trap 'rm {folder}/zz-hosts.conf; systemctl daemon-reload' EXIT
            systemctl start {_UNIT} 2>/dev/null
            cat /run/hosts.output; cat /run/hosts.error >&2
            exit "$(systemctl show --property=ExecMainStatus --value {_UNIT})"
        """


@dataclass(frozen=True)
class Container:
    """In a container that shares the machine's network, so that tests reach the executor without a token. Its programs
    and the checkout are the machine's own, read-only. `engine` is a command."""

    engine: str
    options: tuple[str, ...]

    @property
    def prepare(self) -> tuple[str, ...]:
        """Start the engine, and make an image: folders to mount on, and what Debian's programs need beside /usr."""
        start = {
            "docker": ("systemctl start docker",),
            "podman": (),
        }.get(self.engine, (_ROOTLESS_DOCKER,))
        make = f"""
            folder=$(mktemp -d) && chmod 755 "$folder" && cd "$folder" &&
            mkdir -p usr etc proc sys dev root home srv/precieux var/tmp var/cache run tmp &&
            cp -a /bin /lib /lib64 /sbin . &&
            cp -a /etc/alternatives /etc/ld.so.* /etc/passwd /etc/group /etc/java* etc &&
            tar -c . | {self.engine} import --change 'ENV PATH=/usr/bin:/bin' --change 'WORKDIR /tmp' - {_IMAGE}
        """
        return (*start, make)

    @property
    def prefix(self) -> tuple[str, ...]:
        folders = ("/usr", "/srv/precieux")
        mounts = [word for folder in folders for word in ("--volume", f"{folder}:{folder}:ro")]
        # Podman looks for another one.
        init = ("--init", "--init-path", "/usr/bin/tini") if self.engine == "podman" else ("--init",)
        return (
            *(*self.engine.split(), "run", "--rm", *init, "--network", "host", *self.options, *mounts, _IMAGE),
            *("env", f"PRECIEUX_EXECUTOR_CACHE_DIR={_CACHE}"),
        )

    def run(self, command: Sequence[str]) -> str:
        return shlex.join((*self.prefix, *command))


Start = Prefix | Unit | Container
LOGIN: Final = Prefix(())
