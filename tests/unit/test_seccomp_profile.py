"""The executor's container may make the system calls of boxes and of their setup, and no call that opens the host."""

import csv
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PROFILE: dict[str, Any] = json.loads((ROOT / "deploy/executor-seccomp.json").read_text())
ALLOWED = {name for rule in PROFILE["syscalls"] for name in rule["names"]}
BOX = {"mount", "openat2", "pivot_root", "sethostname", "setns", "umount2", "unshare"}


def test_the_calls_of_programs_and_boxes_are_allowed() -> None:
    table = (ROOT / "executor/sandbox/wall/allowed_syscalls.csv").read_text()
    assert {row["name"] for row in csv.DictReader(table.splitlines())} == ALLOWED - BOX
    assert ALLOWED >= BOX


def test_only_network_namespaces_may_be_entered() -> None:
    (rule,) = (rule for rule in PROFILE["syscalls"] if "setns" in rule["names"])
    assert rule["args"] == [{"index": 1, "value": 0x40000000, "op": "SCMP_CMP_EQ"}]


def test_all_other_calls_seem_not_to_exist() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert PROFILE["defaultErrnoRet"] == 38  # ENOSYS, for which libraries have a fallback
    assert {rule["action"] for rule in PROFILE["syscalls"]} == {"SCMP_ACT_ALLOW"}


def test_only_the_needed_families_of_sockets_are_allowed() -> None:
    families = [rule["args"] for rule in PROFILE["syscalls"] if rule["names"] == ["socket"]]
    assert [(arg["value"], arg["op"]) for (arg,) in families] == [
        (family, "SCMP_CMP_EQ")
        for family in (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
    ]
