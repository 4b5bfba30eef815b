"""Settings of a Compose service become options of `docker run`."""

import pytest

from tests.hosts.compose_options import executor_options, options, without
from tests.hosts.errors import HostsError


def test_settings_become_options() -> None:
    assert options(
        {
            "image": "precieux-executor",
            "read_only": True,
            "tmpfs": ["/tmp:size=64m"],
            "security_opt": ["seccomp=a.json", "apparmor=unconfined"],
            "mem_limit": "${PRECIEUX_EXECUTOR_MEMORY:-4g}",
            "pids_limit": 7,
        }
    ) == (
        *("--read-only", "--tmpfs", "/tmp:size=64m"),
        *("--security-opt", "seccomp=a.json", "--security-opt", "apparmor=unconfined"),
        *("--memory", "4g", "--pids-limit", "7"),
    )


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(HostsError, match="`privileged`"):
        options({"privileged": True})


def test_without_removes_security_options_and_their_flag() -> None:
    words = ("--security-opt", "seccomp=a.json", "--security-opt", "apparmor=unconfined", "--memory", "4g")
    assert without(words, "seccomp=") == words[2:]
    assert without(words, "seccomp=", "apparmor=") == ("--memory", "4g")
    assert without(words, "systempaths=") == words


def test_the_executor_has_the_options_of_the_compose_file() -> None:
    found = executor_options()
    assert found[:2] == ("--user", "10001:10001")
    assert "--read-only" in found
    assert "$" not in " ".join(found)
