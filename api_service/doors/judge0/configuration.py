"""The limits and switches of the front door, under Judge0's names: its defaults, and what a `judge0.conf` sets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from api_service.doors.judge0.port import PortDep
from api_service.http.errors import ApiError, Kind
from api_service.settings import ApiSettings
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import LimitBounds
from shared.records.judge0.callbacks import CALLBACK_SECONDS, CALLBACK_TRIES

#: Names of `judge0.conf` that differ from those of `GET /config_info`.
_OTHER_NAMES: Final = {"allowed_languages_for_compiler_options": "allowed_languages_for_compile_options"}
#: Limit -> the engine's limit that bounds it, in these units.
_BOUNDED: Final = {
    "cpu_time_limit": ("cpu_s", 1),
    "wall_time_limit": ("wall_s", 1),
    "memory_limit": ("memory_bytes", 1024),
    "max_processes_and_or_threads": ("processes", 1),
}


class Configuration(BaseModel):
    """The values that `GET /config_info` shows, and the message of `maintenance_mode`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    maintenance_mode: bool = False
    maintenance_message: str = Field(default="Judge0 is currently in maintenance.", exclude=True)
    enable_wait_result: bool = True
    enable_compiler_options: bool = True
    allowed_languages_for_compile_options: tuple[str, ...] = ()
    enable_command_line_arguments: bool = True
    enable_submission_delete: bool = False
    enable_callbacks: bool = True
    callbacks_max_tries: int = CALLBACK_TRIES
    callbacks_timeout: float = CALLBACK_SECONDS
    enable_additional_files: bool = True
    max_queue_size: int = Field(default=100, ge=0)
    cpu_time_limit: float = Field(default=5.0, ge=0)
    cpu_extra_time: float = Field(default=1.0, ge=0)
    wall_time_limit: float = Field(default=10.0, ge=1)
    memory_limit: int = Field(default=128_000, ge=2048)
    stack_limit: int = Field(default=64_000, ge=0)
    max_processes_and_or_threads: int = Field(default=60, ge=1)
    enable_per_process_and_thread_time_limit: bool = False
    enable_per_process_and_thread_memory_limit: bool = False
    max_file_size: int = Field(default=1024, ge=0)
    enable_network: bool = False
    number_of_runs: int = Field(default=1, ge=1)
    redirect_stderr_to_stdout: bool = False
    max_cpu_time_limit: float = Field(default=15.0, ge=0)
    max_cpu_extra_time: float = Field(default=5.0, ge=0)
    max_wall_time_limit: float = Field(default=20.0, ge=1)
    max_memory_limit: int = Field(default=512_000, ge=2048)
    max_stack_limit: int = Field(default=128_000, ge=0)
    max_max_processes_and_or_threads: int = Field(default=120, ge=1)
    allow_enable_per_process_and_thread_time_limit: bool = True
    allow_enable_per_process_and_thread_memory_limit: bool = True
    max_max_file_size: int = Field(default=4096, ge=0)
    allow_enable_network: bool = False
    max_number_of_runs: int = Field(default=20, ge=1, le=100)
    enable_batched_submissions: bool = True
    max_submission_batch_size: int = Field(default=20, ge=1)
    submission_cache_duration: float = 0.0
    use_docs_as_homepage: bool = False
    max_extract_size: int = Field(default=10_240, ge=0)
    #: They come from the settings of this server, not from the file.
    max_source_bytes: int = Field(default=1 << 20, exclude=True)
    max_input_bytes: int = Field(default=1 << 20, exclude=True)

    @field_validator("allowed_languages_for_compile_options", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    def within(self, bounds: Mapping[str, LimitBounds], settings: ApiSettings) -> "Configuration":
        """Return the configuration with no limit above those of the engine and of this server."""
        lowered: dict[str, float] = {
            "max_source_bytes": settings.max_source_bytes,
            "max_input_bytes": settings.max_input_bytes,
            "max_extract_size": min(self.max_extract_size, settings.max_source_bytes // 1024),
        }
        for name, (bound, unit) in _BOUNDED.items() if bounds else ():
            for limit in (name, f"max_{name}"):
                value = getattr(self, limit)
                lowered[limit] = min(value, type(value)(bounds[bound].max / unit))
        return self.model_copy(update=lowered)


#: Values that a file cannot change: the network stays closed, nothing is cached, and the runner makes the callbacks.
_FIXED: Final = frozenset(
    {"enable_network", "allow_enable_network", "submission_cache_duration", "use_docs_as_homepage"}
    | {"callbacks_max_tries", "callbacks_timeout"}
)


def read(path: Path | None) -> Configuration:
    """Return the configuration of a `judge0.conf`, or the default. Raises `ConfigurationError` for a wrong value."""
    if path is None:
        return Configuration()
    try:
        text = path.read_text()
    except OSError as exc:
        raise ConfigurationError(f"PRECIEUX_JUDGE0_CONF: {path} cannot be read: {exc.strerror}.") from None
    values = {name: value for name, value in _lines(text).items() if value != "" and name not in _FIXED}
    try:
        return Configuration.model_validate(values)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        raise ConfigurationError(f"{path}: {str(first['loc'][0]).upper()} is wrong: {first['msg']}.") from None


def _lines(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            key = name.strip().lower()
            values[_OTHER_NAMES.get(key, key)] = value.strip().strip("\"'")
    return values


async def _of_this_server(request: Request, port: PortDep) -> Configuration:
    configured: Configuration = request.app.state.configuration
    return configured.within((await port.catalog()).bounds, port.settings)


ConfigurationDep = Annotated[Configuration, Depends(_of_this_server)]


def require_open(configuration: Configuration) -> None:
    """Raise `ApiError` (503) while nothing may be changed."""
    if configuration.maintenance_mode:
        raise ApiError(Kind.UNAVAILABLE, configuration.maintenance_message)
