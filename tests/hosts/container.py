"""Starts the executor in a container of Docker or Podman."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.hosts.start import CACHE, PYTHON

#: The name of the image that `prepare` makes.
_IMAGE: Final = "precieux-host"


@dataclass(frozen=True)
class Container:
    """A container that shares the machine's network, so that tests reach the executor without a token. It mounts the
    machine's /usr and its checkout read-only. `engine` is `docker` or `podman`."""

    engine: str
    options: tuple[str, ...]
    python: str = PYTHON

    @property
    def prepare(self) -> tuple[str, ...]:
        """Commands that start the engine and make an image.

        The image has folders to mount on, and the files that Debian's programs need outside /usr. /sbin is
        a folder and no link into /usr, because Docker mounts its init there, and the mount on /usr would hide it.
        """
        start = ("systemctl start docker",) if self.engine == "docker" else ()
        make = f"""
            folder=$(mktemp -d) && chmod 755 "$folder" && cd "$folder" &&
            mkdir -p usr etc proc sys dev root home sbin srv/precieux var/tmp var/cache run tmp &&
            cp -a /bin /lib /lib64 . &&
            cp -a /etc/alternatives /etc/ld.so.* /etc/passwd /etc/group /etc/java* etc &&
            tar -c . | {self.engine} import --change 'ENV PATH=/usr/bin:/bin' --change 'WORKDIR /tmp' - {_IMAGE}
        """
        return (*start, make)

    @property
    def prefix(self) -> tuple[str, ...]:
        folders = ("/usr", "/srv/precieux")
        mounts = [word for folder in folders for word in ("--volume", f"{folder}:{folder}:ro")]
        # Podman would look for a program with another name.
        init = ("--init", "--init-path", "/usr/bin/tini") if self.engine == "podman" else ("--init",)
        return (
            *(self.engine, "run", "--rm", *init, "--network", "host", *self.options, *mounts, _IMAGE),
            *("env", CACHE),
        )

    def run(self, command: Sequence[str]) -> str:
        return shlex.join((*self.prefix, *command))
