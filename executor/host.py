"""Finds out what the sandbox can use on this host: the bubblewrap, the user ids of programs, and the cgroups."""

import resource
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from executor import limits
from executor.sandbox.base import CPU_MARGIN_S, RUN_STACK_BYTES, find_python
from executor.sandbox.wall import cgroups, find_bubblewrap, subordinate
from executor.sandbox.wall.cgroups import Cause, Cgroups, NotTaken
from executor.sandbox.wall.command import is_privileged
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.sandbox.wall.subordinate import Unavailable
from executor.settings import MIB, ExecutorSettings
from executor.warm.headers import find_folder
from shared.errors import ConfigurationError
from shared.logging import get_logger

log = get_logger(__name__)

#: How many kinds of boxes are kept ready: cold ones, three with a runtime (Python, Node, Java), two with C's compiler,
#: and that of Python with libraries.
_KINDS = 7
#: The highest limits of tools that print their version, and of the self-test.
_OF_TOOLS = {"NOFILE": 256, "NPROC": 256, "FSIZE": 64 * MIB, "CPU": 60}
#: The units of limits that count no processes or files. limits.conf(5) has units of its own.
_UNITS = {"FSIZE": (" bytes", ", in KB"), "STACK": (" bytes", ", in KB"), "CPU": (" s", ", in minutes")}


class TooFewIds(ConfigurationError):
    """Root lacks user ids for its programs. The message has no remedy and no full stop."""


def find_mechanisms(settings: ExecutorSettings, libraries: Mapping[str, Path] = MappingProxyType({})) -> Mechanisms:
    """Return what the sandbox can use. `libraries` are folders for programs, by their paths in a box.

    Raises `ConfigurationError` if something that the sandbox needs is missing.
    """
    find_python()
    privileged = is_privileged()
    bubblewrap = find_bubblewrap.find(settings.bwrap, privileged)
    if bubblewrap.why:
        log.info("bubblewrap.other", path=str(bubblewrap.path), reason=bubblewrap.why)
    if privileged:
        _require_ids(settings.executor_first_user_id, _users(settings))
    subordinates, why_shared = None, ""
    try:
        subordinates = None if privileged else subordinate.find(_users(settings), bubblewrap.path)
    except Unavailable as exc:
        why_shared = str(exc)
        log.info("users.shared", reason=why_shared)
    claimed, why_sampled = _claim_cgroups(settings)
    first_user = settings.executor_first_user_id if privileged else None
    return Mechanisms(
        bubblewrap=bubblewrap.path,
        why_bubblewrap=bubblewrap.why,
        privileged=privileged,
        first_user=subordinate.FIRST_USER if subordinates else first_user,
        subordinates=subordinates,
        why_shared=why_shared,
        headers=find_folder(settings.executor_cache_dir, "headers") if settings.precompile_headers else None,
        runtimes=find_folder(settings.executor_cache_dir, "runtimes") if settings.executor_warm else None,
        libraries=libraries,
        init=find_folder(settings.executor_cache_dir, "init"),
        cgroups=claimed,
        why_sampled=why_sampled,
    )


def _claim_cgroups(settings: ExecutorSettings) -> tuple[Cgroups | None, NotTaken | None]:
    try:
        if not settings.executor_use_cgroups:
            raise NotTaken(Cause.SWITCHED_OFF, "PRECIEUX_EXECUTOR_USE_CGROUPS is false")
        return cgroups.claim(), None
    except NotTaken as exc:
        log.info("limits.sampled", cause=exc.cause.name.lower(), reason=str(exc))
        return None, exc


def _users(settings: ExecutorSettings) -> int:
    """Return the largest number of boxes: those that run, as many that are being removed, and those kept ready.

    Two more are for prebuilt files and for the shared compiler.
    """
    return 2 + 2 * settings.programs_at_once + (_KINDS * settings.executor_warm_boxes if settings.executor_warm else 0)


def fit_to_host(settings: ExecutorSettings, mechanisms: Mechanisms) -> ExecutorSettings:
    """Return the settings, with defaults for this host in place of the numbers that the operator has not set.

    Raises `ConfigurationError` if the host allows too few processes, or if one of its hard limits is too low.
    """
    fitted = limits.on_this_host(settings, by_number=mechanisms.by_number, most_processes=cgroups.most_processes())
    _require_hard_limits(fitted)
    return fitted


def _require_hard_limits(settings: ExecutorSettings) -> None:
    """Raise `ConfigurationError` if a hard limit of ours, which programs inherit, is below a limit that they get.

    What is made ahead may get more. If that fails, programs start cold.
    """
    of_programs = {
        "NOFILE": settings.max_open_files,
        "NPROC": settings.max_processes,
        "FSIZE": settings.max_disk_bytes,
        "STACK": RUN_STACK_BYTES,
        "CPU": max(settings.max_time_limit, settings.compile_time_limit),
    }
    for name, most in of_programs.items():
        needed = max(most, _OF_TOOLS.get(name, 0)) + (CPU_MARGIN_S if name == "CPU" else 0)
        _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        if hard != resource.RLIM_INFINITY and hard < needed:
            unit, unit_of_file = _UNITS.get(name, ("", ""))
            raise ConfigurationError(
                f"The executor's hard limit RLIMIT_{name} is {hard}{unit}, and programs need {needed:.0f}{unit}: raise"
                f" it by Limit{name}= in a systemd unit, by `--ulimit {name.lower()}=` for a container, or in"
                f" limits.conf(5){unit_of_file}."
            )


def _require_ids(first: int, count: int, uid_map: Path = Path("/proc/self/uid_map")) -> None:
    """Raise `ConfigurationError` if the ids do not exist in our user namespace (user_namespaces(7))."""
    ranges = [tuple(map(int, line.split())) for line in uid_map.read_text().splitlines()]
    if any(start <= first and first + count <= start + length for start, _, length in ranges):
        return
    if all(length < count for _, _, length in ranges):
        raise TooFewIds(f"As root the executor needs {count} unused user ids, and fewer exist here")
    raise ConfigurationError(
        f"PRECIEUX_EXECUTOR_FIRST_USER_ID is {first}, but not all of the {count} user ids from there on exist here (a "
        f"container may have few): set it to the first of {count} unused ids."
    )
