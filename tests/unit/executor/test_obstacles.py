"""Each known obstacle gets its own command."""

from pathlib import Path

import pytest

from executor import obstacles
from executor.obstacles import Facts

_FREE = Facts(15000, None, None, in_container=False, as_root=False)


@pytest.mark.parametrize(
    ("facts", "words", "command"),
    [
        (Facts(0, None, None, False, True), "x", "sysctl -w user.max_user_namespaces=15000"),
        (Facts(9, 0, None, False, False), "x", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (Facts(9, None, 1, False, False), "x", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        (Facts(9, None, None, True, False), "bwrap: Can't mount proc on /newroot/proc", "systempaths=unconfined"),
        (Facts(9, None, None, True, False), "bwrap: No permissions to create new namespace", "seccomp="),
        (_FREE, "x", "docs/security.md"),
    ],
)
def test_remedy(facts: Facts, words: str, command: str) -> None:
    assert command in obstacles.remedy(words, facts)


def test_facts_are_read_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/user").mkdir(parents=True)
    (tmp_path / "proc/sys/user/max_user_namespaces").write_text("0\n")
    (tmp_path / ".dockerenv").touch()
    assert obstacles.read_facts(False, tmp_path) == Facts(0, None, None, in_container=True, as_root=False)


def test_cgroups_have_a_remedy_for_everybody() -> None:
    assert "Delegate=yes" in obstacles.remedy_for_cgroups(_FREE)
