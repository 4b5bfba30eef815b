"""Computes a program's limits: those that the request asks for, within the operator's bounds. Pure."""

from dataclasses import asdict, dataclass

from executor.languages.base import Needs
from executor.sandbox.base import RUN_STACK_BYTES, StepLimits
from executor.settings import MIB, ExecutorSettings
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import LimitBounds, RunRequest
from shared.engine_api.run_call.limits import MIN_MEMORY_BYTES, ProgramLimits, limits_in_effect

#: The most processes and open files of one program, on hosts where only these numbers bound what it takes of the
#: kernel's memory. They suffice for a pool of a hundred threads, and for every runtime that we know (ADR 13). R does
#: not start with fewer than 168 files.
_FEW_PROCESSES, _FEW_OPEN_FILES = 128, 176
#: Our own processes and threads: those that always run, and those that wait in one box of each kind.
_OUR_PROCESSES, _WAITING_PROCESSES = 64, 48
#: With fewer processes, some runtimes do not start.
_MIN_PROCESSES = 32
_COMPILE_STACK_BYTES = 64 << 20
#: The stack that Linux gives a program.
_USUAL_STACK_BYTES = 8 << 20
_NO_NEEDS = Needs()
_NONE_ASKED = ProgramLimits()
_PLAIN_REQUEST = RunRequest(code="", language="")

#: The default wall limit is the CPU limit times the factor, plus the addend. It stops programs that sleep. Waiting for
#: a processor does not count, so a busy machine needs no higher limit.
_WALL_FACTOR, _WALL_ADDEND = 2.0, 10.0


@dataclass(frozen=True)
class RunLimits:
    """The limits of a program, in seconds and bytes. `output_bytes` counts for each of its output streams."""

    cpu_s: float
    wall_s: float
    memory_bytes: int
    output_bytes: int
    processes: int


def on_this_host(settings: ExecutorSettings, *, by_number: bool, process_limit: int | None) -> ExecutorSettings:
    """Return the settings, with defaults for this host in place of the numbers that the operator has not set.

    `by_number` is that of `Mechanisms`. `process_limit` is the limit of the executor and all programs together. Raises
    `ConfigurationError` if that is too low.
    """
    processes = settings.max_processes
    if by_number:
        settings = settings.tuned(open_files=min(settings.tuning.open_files, _FEW_OPEN_FILES))
        processes = processes if "max_processes" in settings.model_fields_set else _FEW_PROCESSES
    if process_limit is not None:
        ours = _OUR_PROCESSES + _WAITING_PROCESSES * settings.warm_boxes
        spare = (process_limit - ours) // _MIN_PROCESSES - settings.executor_slots - settings.express_slots
        if spare < 0:
            needed = ours + _MIN_PROCESSES * (settings.executor_slots + settings.express_slots)
            raise ConfigurationError(
                f"The executor may have {process_limit} processes (pids.max of its cgroup), and needs {needed}: raise "
                "that limit (pids_limit in Compose, podPidsLimit of the kubelet), or lower PRECIEUX_EXECUTOR_SLOTS."
            )
        settings = settings.tuned(places=min(max(spare, 1), settings.places))
        processes = min((process_limit - ours) // settings.programs_at_once, processes)
    return settings.model_copy(update={"max_processes": processes})


def settings_for_language(settings: ExecutorSettings, needs: Needs) -> ExecutorSettings:
    """Return the settings, with the defaults that programs of a language need in place of lower ones.

    The defaults are multiplied by the language's factors. `default_limits` lowers them to the operator's maxima. The
    default and the maximum of processes are one setting.
    """
    if needs == _NO_NEEDS:
        return settings
    cpu_s = max(needs.cpu_s, settings.default_time_limit) * needs.cpu_factor
    memory_bytes = int(max(needs.memory_mib * MIB, settings.default_memory_limit) * needs.memory_factor)
    raised = settings.model_copy(update={"default_time_limit": cpu_s, "default_memory_limit": memory_bytes})
    return raised.tuned(cpu_factor=needs.cpu_factor, memory_factor=needs.memory_factor)


def bounds(settings: ExecutorSettings) -> dict[str, LimitBounds]:
    """Return the default and the maximum of each limit, by its name in `RunLimits`."""
    maxima = {
        "cpu_s": settings.max_time_limit,
        "wall_s": settings.max_wall_limit,
        "memory_bytes": settings.max_memory_limit,
        "output_bytes": settings.max_output_bytes,
        "processes": settings.max_processes,
    }
    tuning = settings.tuning
    factors = {"cpu_s": tuning.cpu_factor, "wall_s": tuning.cpu_factor, "memory_bytes": tuning.memory_factor}
    return {
        name: LimitBounds(default=value, max=maxima[name], factor=factors.get(name, 1))
        for name, value in asdict(default_limits(settings)).items()
    }


def default_limits(settings: ExecutorSettings) -> RunLimits:
    """Return the limits of a program that asks for none."""
    return limits_for_source(_PLAIN_REQUEST, settings)


def limits_for_source(request: RunRequest, settings: ExecutorSettings) -> RunLimits:
    """Return the limits of a program that comes through the CodeX call. A limit over its maximum is lowered to it."""
    tuning = settings.tuning
    time_limit = (request.time_limit or 0) * tuning.cpu_factor or settings.default_time_limit
    cpu_s = min(time_limit, settings.max_time_limit)
    wall_s = (request.wall_limit or 0) * tuning.cpu_factor or cpu_s * _WALL_FACTOR + _WALL_ADDEND
    memory_limit = int((request.memory_limit or 0) * tuning.memory_factor) or settings.default_memory_limit
    memory_bytes = min(memory_limit, settings.max_memory_limit)
    return RunLimits(
        cpu_s=cpu_s,
        wall_s=min(wall_s, settings.max_wall_limit),
        memory_bytes=max(memory_bytes, MIN_MEMORY_BYTES),
        output_bytes=settings.max_output_bytes,
        processes=settings.max_processes,
    )


def limits_for_test(limits: ProgramLimits, settings: ExecutorSettings) -> RunLimits:
    """Return the limits of a test. The caller has checked the maxima of those that it asks for (`excess`)."""
    return RunLimits(**limits_in_effect(limits, bounds(settings)).model_dump())


def excess(limits: ProgramLimits, settings: ExecutorSettings) -> str | None:
    """Return a sentence on a limit that is over its maximum, or None."""
    for name, bound in bounds(settings).items():
        if (getattr(limits, name) or 0) > bound.max:
            return f"`{name}` may be at most {bound.max:.15g}."
    return None


def excess_of_judge(limits: ProgramLimits, settings: ExecutorSettings) -> str | None:
    """Return a sentence on a judge's limit that is over its maximum, or None. A judge may write more than a program."""
    return excess(limits, settings.model_copy(update={"max_output_bytes": settings.max_judged_output_bytes}))


def run_step_limits(
    limits: RunLimits,
    settings: ExecutorSettings,
    extra_memory: int = 0,
    *,
    stack_bytes: int | None = None,
    file_bytes: int | None = None,
    address_space: int | None = None,
) -> StepLimits:
    """Return the limits of the step. `extra_memory` is what the language's runtime takes for itself, in bytes. The
    stack and files are smaller if the others are given. Without a `stack_bytes` the stack is small if the
    `address_space` has a limit, since each thread takes as much of that as the stack may have."""
    if address_space:
        address_space = max(address_space, MIN_MEMORY_BYTES)
        stack_bytes = stack_bytes or _USUAL_STACK_BYTES
    return StepLimits(
        cpu_s=limits.cpu_s,
        wall_s=limits.wall_s,
        memory_bytes=limits.memory_bytes + extra_memory,
        processes=limits.processes,
        open_files=settings.tuning.open_files,
        file_bytes=min(file_bytes or settings.max_disk_bytes, settings.max_disk_bytes),
        stack_bytes=min(stack_bytes or RUN_STACK_BYTES, RUN_STACK_BYTES),
        address_space=address_space or 0,
    )


def compile_step_limits(settings: ExecutorSettings, limits: ProgramLimits = _NONE_ASKED) -> StepLimits:
    """Return the limits of a compiler: the operator's, or those of `asked` where they are lower."""
    cpu_s, memory_bytes, processes = settings.compile_time_limit, settings.compile_memory_limit, settings.max_processes
    wall_s = cpu_s * _WALL_FACTOR + _WALL_ADDEND
    return StepLimits(
        cpu_s=min(limits.cpu_s or cpu_s, cpu_s),
        wall_s=min(limits.wall_s or wall_s, wall_s),
        memory_bytes=min(max(limits.memory_bytes or memory_bytes, MIN_MEMORY_BYTES), memory_bytes),
        processes=min(limits.processes or processes, processes),
        open_files=settings.tuning.open_files,
        file_bytes=settings.max_disk_bytes,
        stack_bytes=_COMPILE_STACK_BYTES,
    )
