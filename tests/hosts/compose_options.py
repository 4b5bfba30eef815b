"""The options of `docker run` that are what `docker-compose.yml` gives the executor."""

import re
from typing import Any, Final

import yaml

from tests.hosts.errors import HostsError
from tests.hosts.image import ROOT

_DEFAULT: Final = re.compile(r"\$\{\w+:-([^}]*)\}")
_ONE: Final = {
    "mem_limit": "--memory",
    "pids_limit": "--pids-limit",
    "cgroup": "--cgroupns",
    "cgroup_parent": "--cgroup-parent",
}
_MANY: Final = {"security_opt": "--security-opt", "cap_drop": "--cap-drop", "cap_add": "--cap-add", "tmpfs": "--tmpfs"}
#: What has no part in how programs are kept in: where the image comes from, who reaches it, when it is restarted.
_ELSEWHERE: Final = {
    *("image", "build", "networks", "environment", "logging", "restart", "init"),
    *("stop_grace_period", "healthcheck", "depends_on"),
}


def executors_options() -> tuple[str, ...]:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return (*_dockerfiles_user(), *options(services["executor"]))


def options(service: dict[str, Any]) -> tuple[str, ...]:
    words: list[str] = []
    for key, value in service.items():
        if key in _ONE:
            words += (_ONE[key], _DEFAULT.sub(r"\1", str(value)))
        elif key in _MANY:
            words += [word for each in value for word in (_MANY[key], _DEFAULT.sub(r"\1", each))]
        elif key == "read_only":
            words += ["--read-only"] if value else []
        elif key not in _ELSEWHERE:
            raise HostsError(f"docker-compose.yml gives the executor `{key}`, which {__name__} does not know.")
    return tuple(words)


def without(words: tuple[str, ...], *settings: str) -> tuple[str, ...]:
    """All but the security options that begin so."""
    kept: list[str] = []
    for word in words:
        if word.startswith(settings) and kept and kept[-1] == "--security-opt":
            kept.pop()
        else:
            kept.append(word)
    return tuple(kept)


def _dockerfiles_user() -> tuple[str, ...]:
    users = re.findall(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    return ("--user", users[0])
