"""The limits of programs that come through this front door. They have Piston's names, units and defaults."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from shared.service.settings import Settings

#: The time limits that clients send by default, in milliseconds. A lower maximum would refuse all of these clients.
_RUN_TIMEOUT, _COMPILE_TIMEOUT = 3_000, 10_000


#: The limits by Piston's names, in the order in which Piston checks them.
LIMITS: Final = tuple(
    f"{stage}_{limit}" for limit in ("memory_limit", "timeout", "cpu_time") for stage in ("compile", "run")
)
_OVERRIDES: TypeAdapter[dict[str, dict[str, int]]] = TypeAdapter(dict[str, dict[str, int]])


def _limit(default: int, least: int, what: str) -> Any:
    """Return a setting that is the highest limit of a request, and the limit of a request that sets none."""
    return Field(default=default, ge=least, description=f"maximum and default of {what}")


class PistonSettings(Settings):
    piston_run_timeout: int = _limit(_RUN_TIMEOUT, _RUN_TIMEOUT, "a program's elapsed time, in milliseconds")
    piston_compile_timeout: int = _limit(
        _COMPILE_TIMEOUT, _COMPILE_TIMEOUT, "a compiler's elapsed time, in milliseconds"
    )
    piston_run_cpu_time: int = _limit(3_000, 1, "a program's CPU time, in milliseconds")
    piston_compile_cpu_time: int = _limit(10_000, 1, "a compiler's CPU time, in milliseconds")
    piston_run_memory_limit: int = _limit(-1, -1, "a program's memory, in bytes; -1: the engine's default")
    piston_compile_memory_limit: int = _limit(-1, -1, "a compiler's memory, in bytes; -1: the engine's limit")
    piston_limit_overrides: str | None = Field(
        default=None,
        description='limits of single languages by Piston\'s names, as JSON: {"c++": {"run_timeout": 9000}}',
    )
    piston_output_max_size: Annotated[
        int, Field(ge=64 << 10, description="bytes of standard output, and of standard error; more ends the program")
    ] = 64 << 10

    @field_validator("piston_limit_overrides")
    @classmethod
    def _are_overrides(cls, value: str | None) -> str | None:
        try:
            overrides = _OVERRIDES.validate_json(value or "{}")
        except ValidationError:
            raise ValueError("it must be a JSON object of languages, each with an object of limits") from None
        for name in (name for limits in overrides.values() for name in limits):
            if name not in LIMITS:
                raise ValueError(f"{name!r} is not one of {', '.join(LIMITS)}")
        return value

    @cached_property
    def _overrides(self) -> Mapping[str, Mapping[str, int]]:
        return _OVERRIDES.validate_json(self.piston_limit_overrides or "{}")

    def maxima(self, language: str) -> dict[str, int]:
        """Return the limits of a language, by its name in Piston. A limit of 0 or less is none."""
        usual = {name: getattr(self, f"piston_{name}") for name in LIMITS}
        return {**usual, **self._overrides.get(language, {})}
