"""Containers, with the options of docker-compose.yml, and with some of them left out."""

from typing import Final

from tests.hosts.compose_options import executor_options, without
from tests.hosts.configuration import Configuration
from tests.hosts.container import Container
from tests.hosts.outcomes import Outcome

_OPTIONS: Final = executor_options()


def _serves(name: str, title: str, options: tuple[str, ...], *suites: str) -> Configuration:
    return Configuration(
        name,
        f"Docker, {title}",
        Outcome.BY_SAMPLING,
        user="root",
        start=Container("docker", options),
        suites=("doctor", *suites),
    )


def _refuses(name: str, title: str, *left_out: str) -> Configuration:
    return Configuration(
        name,
        f"Docker, {title}",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        user="root",
        start=Container("docker", without(_OPTIONS, *left_out)),
    )


def _for_podman(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same options as Podman names them."""
    return tuple("unmask=ALL" if word == "systempaths=unconfined" else word for word in words)


CONTAINERS: Final = (
    _serves("docker", "Compose's options", _OPTIONS, "programs", "conformance", "attacks"),
    _serves("docker-cgroupns", "a cgroup namespace of its own", (*_OPTIONS, "--cgroupns", "private")),
    _refuses("docker-plain", "no security options", "seccomp=", "apparmor=", "systempaths="),
    _refuses("docker-no-seccomp", "without seccomp=", "seccomp="),
    _refuses("docker-no-apparmor", "without apparmor=", "apparmor="),
    _refuses("docker-no-systempaths", "without systempaths=", "systempaths="),
    Configuration(
        "podman",
        "Podman as root, Compose's options",
        Outcome.BY_SAMPLING,
        user="root",
        start=Container("podman", _for_podman(_OPTIONS)),
        suites=("doctor", "programs"),
    ),
    Configuration(
        "podman-rootless",
        "rootless Podman, Compose's options",
        Outcome.BY_SAMPLING,
        start=Container("podman", _for_podman(_OPTIONS)),
        suites=("doctor", "programs"),
    ),
    Configuration(
        "docker-rootless",
        "rootless Docker, Compose's options",
        Outcome.BY_SAMPLING,
        start=Container("docker --host unix:///run/user/1000/docker.sock", _OPTIONS),
    ),
)
