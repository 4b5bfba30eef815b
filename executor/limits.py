"""What a program may use: the request's wishes within the operator's bounds, as the sandbox understands them. Pure."""

from executor.sandbox.base import RUN_STACK_BYTES, StepLimits
from executor.settings import ExecutorSettings
from shared.codex import RunRequest
from shared.errors import ConfigurationError

#: Of whoever has none.
NO_WISHES = RunRequest(code="", language="")

#: The limit of one program's processes and open files on hosts where nothing else bounds some of the kernel's memory.
#: It suffices for a pool of a hundred threads, and for every runtime that we know (ADR 82).
_FEW_PROCESSES, _FEW_OPEN_FILES = 128, 128
#: Our own processes and threads: those that always run, and those that wait in one box of each kind.
_OUR_PROCESSES, _WAITING_PROCESSES = 64, 40
#: With fewer processes, some runtimes do not start.
_FEWEST_PROCESSES = 32
_COMPILE_STACK_BYTES = 64 << 20
_LEAST_MEMORY_BYTES = 16 << 20

#: The wall limit when nobody sets one. It catches programs that sleep; the time for which a program waits for a
#: processor does not count, so it needs no room for a loaded machine.
_WALL_FACTOR, _WALL_ADDEND = 2.0, 10.0


def on_this_host(settings: ExecutorSettings, *, by_number: bool, most_processes: int | None) -> ExecutorSettings:
    """Return the settings, with defaults for this host in place of the numbers that the operator has not set.

    `by_number` means that programs share a user, or that no cgroup counts their memory. `most_processes` is the limit
    of the executor and all programs together. Raises `ConfigurationError` if that is too low.
    """
    fitted: dict[str, int] = {}
    if by_number:
        fitted = {"max_processes": _FEW_PROCESSES, "max_open_files": _FEW_OPEN_FILES}
    fitted = {name: value for name, value in fitted.items() if name not in settings.model_fields_set}
    if most_processes is not None:
        waiting = settings.executor_warm_boxes if settings.executor_warm else 0
        ours = _OUR_PROCESSES + _WAITING_PROCESSES * waiting
        each = (most_processes - ours) // settings.programs_at_once
        if each < _FEWEST_PROCESSES:
            needed = ours + _FEWEST_PROCESSES * settings.programs_at_once
            raise ConfigurationError(
                f"The executor may have {most_processes} processes (pids.max of its cgroup), and needs {needed}: raise "
                "that limit (pids_limit in Compose, podPidsLimit of the kubelet), or lower PRECIEUX_EXECUTOR_SLOTS or "
                "PRECIEUX_EXECUTOR_WARM_BOXES."
            )
        fitted["max_processes"] = min(each, fitted.get("max_processes", settings.max_processes))
    return settings.model_copy(update=fitted)


def of_run(request: RunRequest, settings: ExecutorSettings, extra_memory: int) -> StepLimits:
    """The limits of the program itself; `extra_memory` is what its language's runtime takes for itself, in bytes."""
    cpu_s = min(request.time_limit or settings.default_time_limit, settings.max_time_limit)
    wall_s = request.wall_limit or settings.default_wall_limit or cpu_s * _WALL_FACTOR + _WALL_ADDEND
    return StepLimits(
        cpu_s=cpu_s,
        wall_s=min(wall_s, settings.max_wall_limit),
        memory_bytes=memory_of(request, settings) + extra_memory,
        processes=settings.max_processes,
        open_files=settings.max_open_files,
        file_bytes=settings.max_disk_bytes,
        stack_bytes=RUN_STACK_BYTES,
    )


def memory_of(request: RunRequest, settings: ExecutorSettings) -> int:
    """Bytes for the program's own data."""
    wanted = min(request.memory_limit or settings.default_memory_limit, settings.max_memory_limit)
    return max(wanted, _LEAST_MEMORY_BYTES)


def of_compilation(settings: ExecutorSettings) -> StepLimits:
    """The limits of a compiler: the operator's, whatever the request says about the program."""
    return StepLimits(
        cpu_s=settings.compile_time_limit,
        wall_s=settings.compile_time_limit * _WALL_FACTOR + _WALL_ADDEND,
        memory_bytes=settings.compile_memory_limit,
        processes=settings.max_processes,
        open_files=settings.max_open_files,
        file_bytes=settings.max_disk_bytes,
        stack_bytes=_COMPILE_STACK_BYTES,
    )
