"""Translates the executor's settings in `docker-compose.yml` into options of `docker run`."""

import re
from typing import Any, Final

import yaml

from tests.hosts.image import ROOT
from tests.hosts.reporting import HostsError

_DEFAULT: Final = re.compile(r"\$\{\w+:-([^}]*)\}")
_SINGLE_VALUES: Final = {
    "mem_limit": "--memory",
    "pids_limit": "--pids-limit",
    "cgroup": "--cgroupns",
    "cgroup_parent": "--cgroup-parent",
}
_LISTS: Final = {
    "security_opt": "--security-opt",
    "cap_drop": "--cap-drop",
    "cap_add": "--cap-add",
    "tmpfs": "--tmpfs",
    "volumes": "--volume",
}
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


def without_security(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return options of `docker run` without those for seccomp, AppArmor and the paths of the system."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] == "--security-opt" and word.startswith(("seccomp=", "apparmor=", "systempaths=")):
            kept.pop()
        else:
            kept.append(word)
    return tuple(kept)


def _dockerfile_user() -> tuple[str, ...]:
    users = re.findall(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    return ("--user", users[0])
