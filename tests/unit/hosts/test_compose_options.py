"""Compose's words for a service become Docker's."""

import pytest

from tests.hosts.compose_options import executor_options, options, without
from tests.hosts.errors import HostsError


def test_options_are_compose_files() -> None:
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


def test_a_key_that_is_new_is_not_left_out_silently() -> None:
    with pytest.raises(HostsError, match="`privileged`"):
        options({"privileged": True})


def test_security_options_are_taken_out_with_their_names() -> None:
    words = ("--security-opt", "seccomp=a.json", "--security-opt", "apparmor=unconfined", "--memory", "4g")
    assert without(words, "seccomp=") == words[2:]
    assert without(words, "seccomp=", "apparmor=") == ("--memory", "4g")
    assert without(words, "systempaths=") == words


def test_the_executors_own() -> None:
    found = executor_options()
    assert found[:2] == ("--user", "10001:10001")
    assert "--read-only" in found
    assert "$" not in " ".join(found)
