"""Finds out what the sandbox can use on this host: the bubblewrap, the user ids of programs, and the cgroups."""

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from executor import limits
from executor.cache_folder import find_folder
from executor.sandbox.base import CPU_MARGIN_S, RUN_STACK_BYTES, find_python
from executor.sandbox.wall import cgroups, find_bubblewrap, subordinate
from executor.sandbox.wall.cgroups import Cgroups, NotTaken
from executor.sandbox.wall.command import is_privileged
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.sandbox.wall.subordinate import Unavailable
from executor.settings import MIB, ExecutorSettings
from executor.warm.warm import kinds_of_boxes
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: If the executor is root, its programs are these users, far above those of people and of containers. Executors on one
#: machine have different ports, so they do not share users.
_FIRST_USER, _USERS_OF_PORT = 1_879_048_192, 4096
#: In a container: the ids of its system and its people, and the last ones, such as `nobody`.
_LOW_IDS, _LAST_IDS = 10_000, 2
#: The part of our memory for programs.
_OF_PROGRAMS = 0.75
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
    first_user, subordinates, why_shared = None, None, ""
    try:
        if privileged:
            first_user = _first_user(_users(settings), settings.executor_port)
        else:
            subordinates = subordinate.find(_users(settings), bubblewrap.path)
            first_user = subordinate.FIRST_USER
    except Unavailable as exc:
        why_shared = str(exc)
        log.info("users.shared", reason=why_shared)
    claimed, why_sampled = _claim_cgroups(settings)
    return Mechanisms(
        bubblewrap=bubblewrap.path,
        why_bubblewrap=bubblewrap.why,
        privileged=privileged,
        first_user=first_user,
        subordinates=subordinates,
        why_shared=why_shared,
        headers=find_folder(settings.tuning.cache_dir, "headers") if settings.tuning.precompile_headers else None,
        runtimes=find_folder(settings.tuning.cache_dir, "runtimes") if settings.warm_boxes else None,
        libraries=libraries,
        init=find_folder(settings.tuning.cache_dir, "init"),
        cgroups=claimed,
        why_sampled=why_sampled,
    )


def _claim_cgroups(settings: ExecutorSettings) -> tuple[Cgroups | None, NotTaken | None]:
    if not settings.tuning.use_cgroups:
        return None, None
    try:
        return cgroups.claim(), None
    except NotTaken as exc:
        log.info("limits.sampled", cause=exc.cause.name.lower(), reason=str(exc))
        return None, exc


def memory_of_programs() -> float:
    """Return the bytes that all boxes may take together: most of what our cgroup or the machine has.

    The rest is for us, because the kernel may end us with a program that fills our memory.
    """
    of_machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _OF_PROGRAMS * min(of_machine, cgroups.memory_limit() or of_machine)


def _users(settings: ExecutorSettings) -> int:
    """Return the largest number of boxes: running, being removed (as many), and kept ready.

    A program may have the box of an interactor beside its own. Two more are for prebuilt files and for the shared
    compiler.
    """
    return 2 + 4 * settings.programs_at_once + kinds_of_boxes() * settings.warm_boxes


def fit_to_host(settings: ExecutorSettings, mechanisms: Mechanisms) -> ExecutorSettings:
    """Return the settings, with defaults for this host in place of the numbers that the operator has not set.

    Raises `ConfigurationError` if the host allows too few processes, or if one of its hard limits is too low.
    """
    fitted = limits.on_this_host(settings, by_number=mechanisms.by_number, process_limit=cgroups.process_limit())
    _require_hard_limits(fitted)
    return fitted


def _require_hard_limits(settings: ExecutorSettings) -> None:
    """Raise `ConfigurationError` if a hard limit of ours, which programs inherit, is below a limit that they get.

    What is made ahead may get more. If that fails, programs start cold.
    """
    of_programs = {
        "NOFILE": settings.tuning.open_files,
        "NPROC": settings.max_processes,
        "FSIZE": settings.max_disk_bytes,
        "STACK": RUN_STACK_BYTES,
        "CPU": max(settings.max_time_limit, settings.compile_time_limit),
    }
    for name, max_of_programs in of_programs.items():
        needed = max(max_of_programs, _OF_TOOLS.get(name, 0)) + (CPU_MARGIN_S if name == "CPU" else 0)
        _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        if hard != resource.RLIM_INFINITY and hard < needed:
            unit, unit_of_file = _UNITS.get(name, ("", ""))
            raise ConfigurationError(
                f"The executor's hard limit RLIMIT_{name} is {hard}{unit}, and programs need {needed:.0f}{unit}: raise"
                f" it by Limit{name}= in a systemd unit, by `--ulimit {name.lower()}=` for a container, or in"
                f" limits.conf(5){unit_of_file}."
            )


def _first_user(count: int, port: int, uid_map: Path = Path("/proc/self/uid_map")) -> int:
    """Return the first of `count` user ids that belong to no account. Where the usual ones do not exist, as in a
    container, they are the last of those that do (user_namespaces(7)). Raises `TooFewIds` if there are too few."""
    ranges = [tuple(map(int, line.split())) for line in uid_map.read_text().splitlines()]
    usual = _FIRST_USER + _USERS_OF_PORT * port
    if any(start <= usual and usual + count <= start + length for start, _, length in ranges):
        return usual
    start, _, length = max(ranges)
    first = start + length - _LAST_IDS - count
    if first < max(start, _LOW_IDS):
        raise TooFewIds(f"As root the executor needs {count} unused user ids, and fewer exist here")
    return first
