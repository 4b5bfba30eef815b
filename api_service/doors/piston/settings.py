"""The limits of programs that come through this front door. They have Piston's names, units and defaults."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from shared.common.service.settings import Settings

#: Piston's limits, in the order in which it checks them. Each is the most that a request may set, and what it gets if
#: it sets none. A limit of 0 or less is none.
_LIMITS: Final = {
    "compile_memory_limit": -1,
    "run_memory_limit": -1,
    "compile_timeout": 10_000,
    "run_timeout": 3_000,
    "compile_cpu_time": 10_000,
    "run_cpu_time": 3_000,
}
LIMITS: Final = tuple(_LIMITS)
#: The limit that no request sets: bytes of standard output, and of standard error. More ends the program.
_OUTPUT: Final = "output_max_size"
_OUTPUT_BYTES: Final = 64 << 10
#: The least of all languages. Clients send these times by default, so a lower maximum would refuse all of them.
_MIN: Final = {"compile_timeout": 10_000, "run_timeout": 3_000, _OUTPUT: _OUTPUT_BYTES}

_OVERRIDES: TypeAdapter[dict[str, int | dict[str, int]]] = TypeAdapter(dict[str, int | dict[str, int]])


class PistonSettings(Settings):
    piston_limit_overrides: str | None = Field(
        default=None,
        description="limits of all languages, and of single ones, by Piston's names, as JSON:"
        ' {"run_timeout": 5000, "c++": {"run_timeout": 9000}}',
    )

    @field_validator("piston_limit_overrides")
    @classmethod
    def _are_overrides(cls, value: str | None) -> str | None:
        try:
            overrides = _OVERRIDES.validate_json(value or "{}")
        except ValidationError:
            raise ValueError("it must be a JSON object of limits, and of languages with an object of limits") from None
        for name, limit in overrides.items():
            if isinstance(limit, dict):
                _check_names(limit, LIMITS)
                continue
            _check_names([name], (*LIMITS, _OUTPUT))
            if limit < _MIN.get(name, limit):
                raise ValueError(f"{name} must be at least {_MIN[name]}")
        return value

    @cached_property
    def _overrides(self) -> Mapping[str, int | dict[str, int]]:
        return _OVERRIDES.validate_json(self.piston_limit_overrides or "{}")

    @cached_property
    def _of_all(self) -> Mapping[str, int]:
        return {name: limit for name, limit in self._overrides.items() if isinstance(limit, int)}

    @property
    def output_bytes(self) -> int:
        return self._of_all.get(_OUTPUT, _OUTPUT_BYTES)

    def maxima(self, language: str) -> dict[str, int]:
        """Return the limits of a language, by its name in Piston. A limit of 0 or less is none."""
        single = self._overrides.get(language)
        return {**_LIMITS, **self._of_all, **(single if isinstance(single, dict) else {})}


def _check_names(given: Iterable[str], allowed: Sequence[str]) -> None:
    for name in given:
        if name not in allowed:
            raise ValueError(f"{name!r} is not one of {', '.join(allowed)}")
