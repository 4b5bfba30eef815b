"""Translates the executor's settings in `docker-compose.yml` into options of `docker run`."""

import re
from typing import Any, Final

import yaml

from tests.hosts.errors import HostsError
from tests.hosts.image import ROOT

_DEFAULT: Final = re.compile(r"\$\{\w+:-([^}]*)\}")
_SINGLE_VALUES: Final = {
    "mem_limit": "--memory",
    "pids_limit": "--pids-limit",
    "cgroup": "--cgroupns",
    "cgroup_parent": "--cgroup-parent",
}
_LISTS: Final = {"security_opt": "--security-opt", "cap_drop": "--cap-drop", "cap_add": "--cap-add", "tmpfs": "--tmpfs"}
#: Settings that do not affect the isolation of programs: the source of the image, its networks, its restarts.
_IGNORED: Final = {
    *("image", "build", "networks", "environment", "logging", "restart", "init"),
    *("stop_grace_period", "healthcheck", "depends_on"),
}


def executor_options() -> tuple[str, ...]:
    """Return the options for the executor, with the user that the Dockerfile sets."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return (*_dockerfile_user(), *options(services["executor"]))


def options(service: dict[str, Any]) -> tuple[str, ...]:
    """Return the options for a service of a Compose file."""
    words: list[str] = []
    for key, value in service.items():
        if key in _SINGLE_VALUES:
            words += (_SINGLE_VALUES[key], _DEFAULT.sub(r"\1", str(value)))
        elif key in _LISTS:
            words += [word for each in value for word in (_LISTS[key], _DEFAULT.sub(r"\1", each))]
        elif key == "read_only":
            words += ["--read-only"] if value else []
        elif key not in _IGNORED:
            raise HostsError(f"docker-compose.yml sets `{key}` for the executor; add it to {__name__}.")
    return tuple(words)


def without(words: tuple[str, ...], *settings: str) -> tuple[str, ...]:
    """Return `words` without the security options that begin with one of the `settings`."""
    remaining: list[str] = []
    for word in words:
        if word.startswith(settings) and remaining and remaining[-1] == "--security-opt":
            remaining.pop()
        else:
            remaining.append(word)
    return tuple(remaining)


def _dockerfile_user() -> tuple[str, ...]:
    users = re.findall(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    return ("--user", users[0])
