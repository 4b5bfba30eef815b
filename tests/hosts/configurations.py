"""The hosts on which the executor is tested. To test another one, add it here."""

from dataclasses import dataclass
from typing import Final

from tests.hosts.compose_options import executor_options, without_security
from tests.hosts.container import Container
from tests.hosts.doctor import Outcome
from tests.hosts.start import LOGIN, Installed, Prefix, Start, Unit


@dataclass(frozen=True)
class Configuration:
    """A host as people have it. Root runs the commands in `prepare` to set it up. The doctor must report `expect` and,
    if `then` is set, must report that after its remedy. The other suites run as soon as the executor serves: after the
    remedy if it refused before. `steps` are the steps of the suite `service`: names of tests/hosts/service.py, or
    "reboot"."""

    name: str
    title: str
    expect: Outcome
    then: Outcome | None = None
    user: str = "user"
    start: Start = LOGIN
    prepare: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


_ALL: Final = ("programs", "conformance", "attacks")
_OPTIONS: Final = executor_options()
_PODMAN_OPTIONS: Final = tuple("unmask=ALL" if word == "systempaths=unconfined" else word for word in _OPTIONS)
_DELEGATED: Final = ("User=engine", "Delegate=cpu memory pids")
#: A unit may have all of these.
_HARMLESS: Final = (
    *("CapabilityBoundingSet=", "NoNewPrivileges=yes", "UMask=0077", "KeyringMode=private", "LockPersonality=yes"),
    *("DevicePolicy=closed", "PrivateDevices=yes", "PrivateIPC=yes", "PrivateMounts=yes", "PrivateTmp=yes"),
    *("ProtectClock=yes", "ProtectHome=yes", "ProtectKernelModules=yes", "ProtectProc=invisible"),
    *("ProtectSystem=strict", "RemoveIPC=yes", "RestrictRealtime=yes", "SystemCallArchitectures=native"),
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
)
_STEPS: Final = ("install", "restart", "stop", "upgrade", "kill", "freeze", "freeze-up")

CONFIGURATIONS: Final = (
    Configuration(
        "user", "user, plain ssh", Outcome.BY_SAMPLING, Outcome.BY_CGROUP, suites=("programs", "conformance", "demo")
    ),
    Configuration(
        "user-delegated",
        "user, delegated scope",
        Outcome.BY_CGROUP,
        start=Prefix(("systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes")),
        suites=("cgroups", *_ALL, "demo"),
    ),
    Configuration(
        "root", "root, plain ssh", Outcome.BY_SAMPLING, Outcome.BY_CGROUP, user="root", suites=("programs", "demo")
    ),
    Configuration(
        "root-delegated",
        "root, delegated scope",
        Outcome.BY_CGROUP,
        user="root",
        start=Prefix(("systemd-run", "--scope", "--quiet", "-p", "Delegate=yes")),
        suites=("cgroups", *_ALL, "demo"),
    ),
    Configuration(
        "ubuntu-24.04-user",
        "Ubuntu 24.04's rule for programs without a profile, by aa-exec, user",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        start=Prefix(("aa-exec", "-p", "ubuntu_userns", "--")),
        prepare=("apparmor_parser -r tests/hosts/apparmor/ubuntu-userns",),
        suites=("programs",),
    ),
    # It serves because it uses the wheel's bubblewrap, to which the profile does not apply.
    Configuration(
        "ubuntu-25.04-user",
        "Ubuntu 25.04's bwrap-userns-restrict, user",
        Outcome.BY_SAMPLING,
        prepare=("apparmor_parser -r /usr/share/apparmor/extra-profiles/bwrap-userns-restrict",),
        suites=("programs",),
    ),
    Configuration(
        "docker",
        "Docker, Compose's options",
        Outcome.BY_SAMPLING,
        user="root",
        start=Container("docker", _OPTIONS),
        suites=_ALL,
    ),
    Configuration(
        "docker-plain",
        "Docker, no security options",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        user="root",
        start=Container("docker", without_security(_OPTIONS)),
    ),
    Configuration(
        "podman-rootless",
        "rootless Podman, Compose's options",
        Outcome.BY_SAMPLING,
        start=Container("podman", _PODMAN_OPTIONS),
        suites=("programs",),
    ),
    Configuration(
        "unit",
        "unit, a user of its own, delegated",
        Outcome.BY_CGROUP,
        user="root",
        start=Unit(_DELEGATED),
        suites=_ALL,
    ),
    Configuration(
        "unit-hardened",
        "unit, all harmless settings together",
        Outcome.BY_CGROUP,
        user="root",
        start=Unit((*_DELEGATED, *_HARMLESS)),
        suites=("programs", "conformance"),
    ),
    Configuration(
        "service",
        "the installed service",
        Outcome.BY_CGROUP,
        user="root",
        start=Installed(),
        suites=("service",),
        steps=(*_STEPS, "reboot", "remove"),
    ),
    Configuration(
        "service-user",
        "the installed service of a user",
        Outcome.BY_CGROUP,
        start=Installed("--user"),
        suites=("service",),
        steps=(*_STEPS, "remove"),
    ),
)
