"""The executor's settings. An operator sees the description of a setting in the message about a wrong value."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import Settings

MIB = 1 << 20


def _longest_body(source: int, inputs: int) -> int:
    """The longest body of a legal request. In JSON a byte can take six, and clients send the input under two names."""
    return 6 * (source + 2 * inputs) + (64 << 10)


class ExecutorSettings(Settings):
    executor_host: str = Field(default="127.0.0.1", description="the address to listen on")
    executor_port: int = Field(default=8100, ge=0, le=65535, description="the port to listen on, 0 for any free one")
    codex_token: SecretStr | None = Field(default=None, description="what clients must send as `Authorization: Bearer`")

    executor_cors_origins: str = Field(
        default="",
        description="origins of web pages that may call, separated by commas, as https://school.example; * for any",
    )

    executor_slots: int = Field(default=os.cpu_count() or 1, ge=1, le=1024, description="how many programs run at once")
    executor_express_slots: int = Field(
        default=os.cpu_count() or 1,
        ge=0,
        le=1024,
        description="how many more programs run at once, each of a share that has none running",
    )
    executor_queue: int = Field(
        default=64, ge=0, description="how many requests may wait for a slot before others get a 503"
    )
    max_source_bytes: int = Field(default=MIB, ge=1, description="bytes of a program's source text")
    max_input_bytes: int = Field(default=MIB, ge=1, description="bytes of a program's standard input")
    max_body_bytes: int = Field(
        default_factory=lambda data: _longest_body(data["max_source_bytes"], data["max_input_bytes"]),
        ge=1024,
        description="bytes of a request's body, escapes included; unset, enough for any source and input",
    )
    max_bodies_bytes: int = Field(
        default_factory=lambda data: 2 * data["max_body_bytes"],
        ge=1024,
        description="bytes of all bodies under way, then requests get a 503; the first 64 KiB of each do not count",
    )
    max_output_bytes: int = Field(default=MIB, ge=1, description="bytes kept of standard output, and of standard error")

    artifact_bytes: int = Field(
        default=4 * MIB,
        ge=0,
        le=16 * MIB,
        description="bytes of all files that come back of a program's folder `out`; 0: none",
    )

    default_time_limit: float = Field(default=10.0, gt=0, description="seconds of CPU time if a request sets none")
    max_time_limit: float = Field(default=60.0, gt=0, description="the most seconds of CPU time that a request may set")
    default_wall_limit: float | None = Field(
        default=None, gt=0, description="seconds of elapsed time if a request sets none; unset, 2 x the CPU limit + 10"
    )
    max_wall_limit: float = Field(
        default=300.0, gt=0, description="the most seconds of elapsed time that a request may set"
    )
    default_memory_limit: int = Field(default=512 * MIB, ge=16 * MIB, description="bytes if a request sets none")
    max_memory_limit: int = Field(default=2048 * MIB, ge=16 * MIB, description="the most bytes that a request may set")
    max_processes: int = Field(
        default=256,
        ge=4,
        description="processes and threads of one program; unset, 128 where programs share a user or have no cgroup",
    )
    max_open_files: int = Field(
        default=512,
        ge=32,
        description="open files of one process; unset, 176 where programs share a user or have no cgroup",
    )
    max_disk_bytes: int = Field(default=128 * MIB, ge=MIB, description="bytes of all files of one program")
    compile_time_limit: float = Field(default=30.0, gt=0, description="seconds of CPU for a compiler")
    compile_memory_limit: int = Field(default=1536 * MIB, ge=64 * MIB, description="bytes for a compiler")
    compile_cache_bytes: int = Field(
        default=128 * MIB,
        ge=0,
        description="bytes of compiled programs, kept in case the same source comes again; 0: none",
    )

    executor_warm: bool = Field(default=True, description="false: nothing is started before a request needs it")
    executor_warm_boxes: int = Field(
        default=min(2 * (os.cpu_count() or 1), 32),
        ge=0,
        le=256,
        description="how many templates of each kind are ready; at most one before the first program of the kind",
    )
    executor_warm_idle: float = Field(
        default=600.0, gt=0, description="seconds without demand after which templates are removed"
    )
    executor_check_languages: bool = Field(
        default=True, description="false: the languages' own programs are not run in the background after the start"
    )
    precompile_headers: bool = Field(default=True, description="false: C++ compiles without precompiled headers")
    executor_cache_dir: Path | None = Field(
        default=None,
        description="folder of files that are compiled ahead; unset, /var/cache/precieux or ~/.cache/precieux",
    )

    python_packages: str = Field(
        default="",
        description="packages that Python programs may import, such as numpy,pandas==2.*, or a folder that has them",
    )
    node_packages: str = Field(
        default="",
        description="packages that Node programs may import, such as lodash,@types/node@20, or a folder that has them",
    )
    java_jars: Path | None = Field(
        default=None, description="folder whose archives (*.jar) are on the class path of Java programs"
    )

    bwrap: Path | None = Field(default=None, description="the bubblewrap to use instead of the one found")
    executor_first_user_id: int = Field(
        default=1_879_048_192,
        ge=1,
        lt=1 << 32,
        description="first user id of programs if the executor is root; it and those after it must be unused",
    )
    executor_use_cgroups: bool = Field(
        default=True, description="false: measure by sampling /proc even where cgroups work"
    )
    executor_unsafe_serve_without_isolation: bool = Field(
        default=False, description="serve even if the self-test finds that the sandbox does not isolate programs"
    )

    @property
    def cors_origins(self) -> list[str]:
        return [origin.strip() for origin in self.executor_cors_origins.split(",") if origin.strip()]

    @property
    def programs_at_once(self) -> int:
        return self.executor_slots + self.executor_express_slots

    @model_validator(mode="after")
    def _within_maxima(self) -> Self:
        for lower, higher in (
            ("max_source_bytes", "max_disk_bytes"),
            ("max_body_bytes", "max_bodies_bytes"),
            ("default_time_limit", "max_time_limit"),
            ("default_memory_limit", "max_memory_limit"),
        ):
            if getattr(self, lower) > getattr(self, higher):
                raise ValueError(
                    f"PRECIEUX_{lower.upper()} is above PRECIEUX_{higher.upper()}: lower the first or raise the other"
                )
        return self
