"""The limits of a program: those that a request may set, and the bounds of its parts."""

from collections.abc import Iterable, Mapping
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from shared.engine_api.codex import LimitBounds

MAX_FILES: Final = 256
#: The most files that come back of a program's folder `out`.
MAX_ARTIFACTS: Final = 16
#: The most files that a request fetches by their paths.
MAX_FETCHED: Final = 256
MAX_TESTS: Final = 100
SHA256: Final = "^[0-9a-f]{64}$"
#: The most passes of one test in a multi-pass problem.
MAX_PASSES: Final = 100
#: The most arguments of a program, and their bytes together. They also bound the options of a compiler.
MAX_ARGS: Final = 256
MAX_ARGS_BYTES: Final = 32768
#: The most variables in a program's environment, and the most bytes of all of them.
MAX_VARIABLES: Final = 32
MAX_VARIABLES_BYTES: Final = 4096
#: A program may not have less memory than this. A lower limit counts as this one.
MIN_MEMORY_BYTES: Final = 16 << 20


class StrictModel(BaseModel):
    """A part of a request. Unknown keys and values of another JSON type are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def check_args(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return `args`. Raises `ValueError` if a program cannot be started with them."""
    if any("\0" in word for word in args):
        raise ValueError("An argument contains a NUL.")
    if len(args) > MAX_ARGS or sum(len(word.encode()) for word in args) > MAX_ARGS_BYTES:
        raise ValueError(f"There are more than {MAX_ARGS} arguments, or over {MAX_ARGS_BYTES} bytes of them.")
    return args


class ProgramLimits(StrictModel):
    """The limits of a program. None stands for the operator's default. The operator's bounds are in `GET /list`."""

    cpu_s: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="CPU seconds")
    wall_s: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="elapsed seconds")
    memory_bytes: int | None = Field(default=None, gt=0, description="of the whole process tree")
    output_bytes: int | None = Field(default=None, gt=0, description="of standard output, and of standard error")
    processes: int | None = Field(default=None, gt=0, description="processes and threads at once")

    def asked(self) -> dict[str, float | int]:
        """Return the limits that are not None."""
        return self.model_dump(exclude_none=True)

    def over(self, other: Self) -> Self:
        """Return these limits, and those of `other` where these are None."""
        return self.model_validate(other.asked() | self.asked())


class ProcessLimits(ProgramLimits):
    """The limits of a program, and one that the kernel has for each of its processes."""

    address_space_bytes: int | None = Field(
        default=None, gt=0, description="of each process, which gets no memory beyond it and goes on; None: no limit"
    )


def is_allowed(option: str, allowed: Iterable[str]) -> bool:
    """Return True if a program may set this option of the compiler. `allowed` is `SupportedLanguage.compiler_args`.

    A `*` stands for an ending of one character or more that does not begin with `@`: GCC's driver passes `-D@x` on to
    the compiler as two words, and the compiler would read more options from the file `x`.
    """
    return any(_fits(option, pattern[:-1]) if pattern.endswith("*") else option == pattern for pattern in allowed)


def _fits(option: str, beginning: str) -> bool:
    ending = option.removeprefix(beginning)
    return option.startswith(beginning) and ending != "" and not ending.startswith("@")


def limits_in_effect(limits: ProgramLimits, bounds: Mapping[str, LimitBounds]) -> ProgramLimits:
    """Return all five limits of a program, from those that were asked for and the operator's bounds (`GET /list`).

    A higher limit of CPU time without one of elapsed time raises the default of the latter by twice the difference.
    """
    defaults = {name: bound.default for name, bound in bounds.items()}
    wanted = defaults | limits.asked()
    for name, bound in bounds.items():
        if bound.factor != 1 and getattr(limits, name) is not None:
            wanted[name] = min(wanted[name] * bound.factor, bound.max)
    if limits.wall_s is None:
        more = max(0.0, wanted["cpu_s"] - defaults["cpu_s"])
        wanted["wall_s"] = min(defaults["wall_s"] + 2 * more, bounds["wall_s"].max)
    return ProgramLimits(
        cpu_s=float(wanted["cpu_s"]),
        wall_s=float(wanted["wall_s"]),
        memory_bytes=max(int(wanted["memory_bytes"]), MIN_MEMORY_BYTES),
        output_bytes=int(wanted["output_bytes"]),
        processes=int(wanted["processes"]),
    )


#: What a judge may write in all, unless its limits say otherwise, and what they may say, unless the operator does. The
#: operator's bound is at least as high as the first.
JUDGE_OUTPUT_BYTES: Final = 8 << 20
MAX_JUDGE_OUTPUT_BYTES: Final = 64 << 20


def judge_limits_in_effect(limits: ProgramLimits, bounds: Mapping[str, LimitBounds]) -> ProgramLimits:
    """Return all five limits of a judge, as `limits_in_effect` does: it may have all of the memory."""
    defaults = ProgramLimits(memory_bytes=int(bounds["memory_bytes"].max), output_bytes=JUDGE_OUTPUT_BYTES)
    return limits_in_effect(limits.over(defaults), bounds)
