"""What a program may use: the request's wishes within the operator's bounds, as the sandbox understands them. Pure."""

from executor.sandbox.keeper.protocol import RUN_STACK_BYTES, StageLimits
from executor.settings import ExecutorSettings
from shared.codex import RunRequest

#: Of whoever has none.
NO_WISHES = RunRequest(code="", language="")

_OPEN_FILES = 512
_COMPILE_STACK_BYTES = 64 << 20
_LEAST_MEMORY_BYTES = 16 << 20

#: The wall limit when nobody sets one. It catches programs that sleep; the time for which a program waits for a
#: processor does not count, so it needs no room for a loaded machine.
_WALL_FACTOR, _WALL_ADDEND = 2.0, 10.0


def of_run(request: RunRequest, settings: ExecutorSettings, extra_memory: int) -> StageLimits:
    """The limits of the program itself; `extra_memory` is what its language's runtime takes for itself, in bytes."""
    cpu_s = min(request.time_limit or settings.default_time_limit, settings.max_time_limit)
    wall_s = request.wall_limit or settings.default_wall_limit or cpu_s * _WALL_FACTOR + _WALL_ADDEND
    return StageLimits(
        cpu_s=cpu_s,
        wall_s=min(wall_s, settings.max_wall_limit),
        memory_bytes=memory_of(request, settings) + extra_memory,
        processes=settings.max_processes,
        open_files=_OPEN_FILES,
        file_bytes=settings.max_disk_bytes,
        stack_bytes=RUN_STACK_BYTES,
    )


def memory_of(request: RunRequest, settings: ExecutorSettings) -> int:
    """Bytes for the program's own data."""
    wanted = min(request.memory_limit or settings.default_memory_limit, settings.max_memory_limit)
    return max(wanted, _LEAST_MEMORY_BYTES)


def of_compilation(settings: ExecutorSettings) -> StageLimits:
    """The limits of a compiler: the operator's, whatever the request says about the program."""
    return StageLimits(
        cpu_s=settings.compile_time_limit,
        wall_s=settings.compile_time_limit * _WALL_FACTOR + _WALL_ADDEND,
        memory_bytes=settings.compile_memory_limit,
        processes=settings.max_processes,
        open_files=_OPEN_FILES,
        file_bytes=settings.max_disk_bytes,
        stack_bytes=_COMPILE_STACK_BYTES,
    )
