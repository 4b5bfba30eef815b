"""Ways to start the executor on a host. Each is a command that comes before the executor's own."""

from dataclasses import dataclass
from typing import Final

#: A unit and a container have no home; here they keep what is made once.
_CACHE: Final = "/var/cache/precieux"
#: The image that containers are made from; `import_image` makes it.
_IMAGE: Final = "precieux-host"


@dataclass(frozen=True)
class Prefix:
    """By a command that becomes the one that follows it, or runs it as a child; by none, it is as a login gives it."""

    words: tuple[str, ...]

    @property
    def prefix(self) -> tuple[str, ...]:
        return self.words


@dataclass(frozen=True)
class Unit:
    """As a transient service of systemd's, with what systemd.exec(5) and systemd.resource-control(5) can set."""

    properties: tuple[str, ...]

    @property
    def prefix(self) -> tuple[str, ...]:
        properties = [word for setting in self.properties for word in ("-p", setting)]
        return (
            *("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *properties, "-p", "CacheDirectory=precieux"),
            *("env", f"PRECIEUX_EXECUTOR_CACHE_DIR={_CACHE}"),
        )


@dataclass(frozen=True)
class Container:
    """In a container that shares the machine's network, so that tests reach the executor without a token. Its programs
    and the checkout are the machine's own, read-only."""

    engine: str
    options: tuple[str, ...]

    @property
    def prefix(self) -> tuple[str, ...]:
        folders = ("/usr", "/srv/precieux")
        mounts = [word for folder in folders for word in ("--volume", f"{folder}:{folder}:ro")]
        return (
            *(self.engine, "run", "--rm", "--init", "--network", "host", *self.options, *mounts, _IMAGE),
            *("env", f"PRECIEUX_EXECUTOR_CACHE_DIR={_CACHE}"),
        )


Start = Prefix | Unit | Container
LOGIN: Final = Prefix(())


def import_image(engine: str) -> str:
    """Return a shell command that makes the containers' image: folders to mount on, and what Debian's programs need
    beside /usr."""
    return f"""
        folder=$(mktemp -d) && chmod 755 "$folder" && cd "$folder" &&
        mkdir -p usr etc proc sys dev root home srv/precieux var/tmp var/cache run tmp &&
        cp -a /bin /lib /lib64 /sbin . &&
        cp -a /etc/alternatives /etc/ld.so.* /etc/ssl /etc/passwd /etc/group /etc/java* etc &&
        tar -c . | {engine} import --change 'ENV PATH=/usr/bin:/bin' --change 'WORKDIR /tmp' - {_IMAGE} && cd / &&
        rm -rf "$folder"
    """
