"""What this host lets the sandbox use, found out once: which bubblewrap, whose user ids, which cgroups."""

from pathlib import Path

from executor.sandbox import cgroups, wall
from executor.sandbox.bubblewrap import Mechanisms
from executor.settings import ExecutorSettings
from shared.errors import ConfigurationError


def find_mechanisms(settings: ExecutorSettings) -> Mechanisms:
    """`ConfigurationError` when something is missing without which programs cannot be kept in."""
    bubblewrap = wall.find_bubblewrap(settings.bwrap)
    wall.find_python()
    privileged = wall.is_privileged()
    if privileged and not _is_mapped(settings.executor_first_user_id, settings.executor_slots):
        raise ConfigurationError(
            f"PRECIEUX_EXECUTOR_FIRST_USER_ID is {settings.executor_first_user_id}, which is no user id here "
            "(a container may have but a few): set it to the first of as many unused ids as there are slots."
        )
    return Mechanisms(
        bubblewrap=bubblewrap,
        privileged=privileged,
        first_user=settings.executor_first_user_id if privileged else None,
        cgroups=cgroups.claim() if settings.executor_use_cgroups else None,
    )


def _is_mapped(first: int, count: int) -> bool:
    """Whether the ids exist in our user namespace (user_namespaces(7))."""
    ranges = (map(int, line.split()) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return any(start <= first and first + count <= start + length for start, _, length in ranges)
