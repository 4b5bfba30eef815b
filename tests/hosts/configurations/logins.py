"""A user or root logs in and starts the executor."""

from typing import Final

from tests.hosts.configuration import Configuration
from tests.hosts.outcomes import Outcome
from tests.hosts.start import Prefix

USERS_SCOPE: Final = Prefix(("systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes"))
ROOTS_SCOPE: Final = Prefix(("systemd-run", "--scope", "--quiet", "-p", "Delegate=yes"))
_READ_ONLY: Final = 'mount -o remount,bind,ro /sys/fs/cgroup && exec "$@"'
_ALL: Final = ("doctor", "programs", "conformance", "attacks")
_DELEGATED: Final = ("doctor", "cgroups", "programs", "conformance", "attacks")

LOGINS: Final = (
    Configuration(
        "user",
        "user, plain ssh",
        Outcome.BY_SAMPLING,
        then=Outcome.BY_CGROUP,
        suites=(*_ALL, "demo"),
    ),
    Configuration(
        "user-delegated",
        "user, delegated scope",
        Outcome.BY_CGROUP,
        start=USERS_SCOPE,
        suites=_DELEGATED,
    ),
    Configuration(
        "user-system",
        "user, whole system in one delegated scope",
        Outcome.BY_CGROUP,
        start=USERS_SCOPE,
        suites=("doctor", "demo"),
    ),
    Configuration(
        "root",
        "root, plain ssh",
        Outcome.BY_SAMPLING,
        then=Outcome.BY_CGROUP,
        user="root",
        suites=("doctor", "programs", "demo"),
    ),
    Configuration(
        "root-delegated",
        "root, delegated scope",
        Outcome.BY_CGROUP,
        user="root",
        start=ROOTS_SCOPE,
        suites=_DELEGATED,
    ),
    Configuration(
        "root-system",
        "root, whole system in one delegated scope",
        Outcome.BY_CGROUP,
        user="root",
        start=ROOTS_SCOPE,
        suites=("doctor", "demo"),
    ),
    Configuration(
        "root-read-only-cgroups",
        "root, delegated scope, /sys/fs/cgroup read-only",
        Outcome.BY_SAMPLING,
        user="root",
        start=Prefix((*ROOTS_SCOPE.words, "unshare", "--mount", "sh", "-c", _READ_ONLY, "sh")),
    ),
)
