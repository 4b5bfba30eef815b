"""Containers: the options that docker-compose.yml gives the executor, and what comes of leaving one out."""

from typing import Final

from tests.hosts.compose_options import executors_options, without
from tests.hosts.configuration import Configuration
from tests.hosts.container import Container
from tests.hosts.outcomes import Outcome

_OPTIONS: Final = executors_options()


def _served(name: str, title: str, options: tuple[str, ...], *suites: str) -> Configuration:
    return Configuration(
        name,
        f"Docker, {title}",
        Outcome.BY_SAMPLING,
        user="root",
        start=Container("docker", options),
        suites=("doctor", *suites),
    )


def _refused(name: str, title: str, *left_out: str) -> Configuration:
    return Configuration(
        name,
        f"Docker, {title}",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        user="root",
        start=Container("docker", without(_OPTIONS, *left_out)),
    )


def _by_podman(words: tuple[str, ...]) -> tuple[str, ...]:
    """The same in Podman's words."""
    return tuple("unmask=ALL" if word == "systempaths=unconfined" else word for word in words)


CONTAINERS: Final = (
    _served("docker", "Compose's options", _OPTIONS, "programs", "conformance", "attacks"),
    _served("docker-cgroupns", "a cgroup namespace of its own", (*_OPTIONS, "--cgroupns", "private")),
    _refused("docker-plain", "no security options", "seccomp=", "apparmor=", "systempaths="),
    _refused("docker-no-seccomp", "without seccomp=", "seccomp="),
    _refused("docker-no-apparmor", "without apparmor=", "apparmor="),
    _refused("docker-no-systempaths", "without systempaths=", "systempaths="),
    Configuration(
        "podman",
        "Podman as root, Compose's options",
        Outcome.BY_SAMPLING,
        user="root",
        start=Container("podman", _by_podman(_OPTIONS)),
        suites=("doctor", "programs"),
    ),
    Configuration(
        "podman-rootless",
        "rootless Podman, Compose's options",
        Outcome.BY_SAMPLING,
        start=Container("podman", _by_podman(_OPTIONS)),
        suites=("doctor", "programs"),
    ),
    Configuration(
        "docker-rootless",
        "rootless Docker, Compose's options",
        Outcome.BY_SAMPLING,
        start=Container("docker --host unix:///run/user/1000/docker.sock", _OPTIONS),
    ),
)
