"""The executor's settings. An operator sees the description of a setting in the message about a wrong value."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from shared.common.service.settings import Settings, entries_of
from shared.engine_api.run_call.limits import JUDGE_OUTPUT_BYTES, MAX_JUDGE_OUTPUT_BYTES

MIB = 1 << 20


@dataclass(frozen=True)
class Tuning:
    """Values that an operator has no reason to change. No variable sets them: tests and benchmarks do, by
    `tests.tuned_executor`."""

    #: How many programs run at once beyond the slots, each of a share that has none running; None: as many as slots.
    express_slots: int | None = None
    #: How many programs that take long run in the background beyond both; None: two for each slot.
    places: int | None = None
    #: How many requests may wait for a slot before others get a 503.
    queue: int = 64
    #: How many templates of each kind are ready; None: two for each slot. 0: nothing starts before a request needs it.
    warm_boxes: int | None = None
    #: Seconds without demand after which templates are removed.
    warm_idle_s: float = 600.0
    #: False: C++ compiles without precompiled headers.
    precompile_headers: bool = True
    #: False: the languages' own programs are not run in the background.
    check_languages: bool = True
    #: False: programs are measured by sampling /proc, even where cgroups work.
    use_cgroups: bool = True
    #: Folder of files that are compiled ahead; None: /var/cache/precieux for root, else the user's.
    cache_dir: Path | None = None
    #: The most open files of one process.
    open_files: int = 512
    #: The factors of a program's language (`executor.limits.settings_for_language`).
    cpu_factor: float = 1
    memory_factor: float = 1


class ExecutorSettings(Settings):
    executor_host: str = Field(default="127.0.0.1", description="the address to listen on")
    executor_port: int = Field(default=8100, ge=0, le=65535, description="the port to listen on, 0 for any free one")
    codex_token: SecretStr | None = Field(default=None, description="what clients must send as `Authorization: Bearer`")
    codex_timeout: float = Field(
        default=120, gt=0, le=3600, description="seconds that clients wait for an answer; half of them for a slot"
    )

    executor_cors_origins: str = Field(
        default="",
        description="origins of web pages that may call, separated by commas, as https://school.example; * for any",
    )

    executor_slots: int = Field(default=os.cpu_count() or 1, ge=1, le=1024, description="how many programs run at once")
    max_source_bytes: int = Field(default=MIB, ge=1, description="bytes of a program's source text")
    max_input_bytes: int = Field(default=MIB, ge=1, description="bytes of a program's standard input")
    max_output_bytes: int = Field(default=MIB, ge=1, description="bytes kept of standard output, and of standard error")
    max_checker_bytes: int = Field(default=MIB, ge=1, description="bytes of all files of a checker or an interactor")
    max_judged_output_bytes: int = Field(
        default=MAX_JUDGE_OUTPUT_BYTES,
        ge=JUDGE_OUTPUT_BYTES,
        description="the most bytes that a checker or an interactor may be allowed to write",
    )
    max_test_bytes: int = Field(default=100 * MIB, ge=1, description="bytes of one input or answer of a problem")
    test_data_cache_bytes: int = Field(
        default=1024 * MIB,
        description="bytes of problems' inputs and answers that an executor keeps on disk beside those that runs use;"
        " at least 64 MiB and twice `PRECIEUX_MAX_TEST_BYTES`",
    )
    checker_files: Path | None = Field(
        default=None, description="folder of files, such as testlib.h, that stand beside each checker and interactor"
    )

    artifact_bytes: int = Field(
        default=4 * MIB,
        ge=0,
        le=16 * MIB,
        description="bytes of all files that come back of a program's folder `out`; 0: none",
    )

    default_time_limit: float = Field(default=10.0, gt=0, description="seconds of CPU time if a request sets none")
    max_time_limit: float = Field(default=60.0, gt=0, description="the most seconds of CPU time that a request may set")
    default_memory_limit: int = Field(default=512 * MIB, ge=16 * MIB, description="bytes if a request sets none")
    max_memory_limit: int = Field(default=2048 * MIB, ge=16 * MIB, description="the most bytes that a request may set")
    max_processes: int = Field(
        default=256,
        ge=4,
        description="processes and threads of one program; unset, 128 where programs share a user or have no cgroup",
    )
    max_disk_bytes: int = Field(default=128 * MIB, ge=MIB, description="bytes of all files of one program")
    compile_time_limit: float = Field(default=30.0, gt=0, description="seconds of CPU for a compiler")
    compile_memory_limit: int = Field(default=1536 * MIB, ge=64 * MIB, description="bytes for a compiler")
    compile_cache_bytes: int = Field(
        default=128 * MIB,
        ge=0,
        description="bytes of compiled programs, kept in case the same source comes again; 0: none",
    )

    python_packages: Path | None = Field(
        default=None, description="folder of `pip install --target`, whose packages Python programs may import"
    )
    node_packages: Path | None = Field(
        default=None, description="folder of `npm install --prefix`, whose packages Node programs may import"
    )
    java_jars: Path | None = Field(
        default=None, description="folder whose archives (*.jar) are on the class path of Java programs"
    )

    toolchains: Path | None = Field(
        default=None,
        description="folder of `precieux toolchains`; unset, /opt/precieux/toolchains or"
        " ~/.local/share/precieux/toolchains",
    )
    language_limits: Path | None = Field(
        default=None,
        description="file of languages' default limits and factors: docs/how-to/change-limits.md",
    )

    bwrap: Path | None = Field(default=None, description="the bubblewrap to use instead of the one found")
    executor_unsafe_serve_without_isolation: bool = Field(
        default=False, description="serve even if the self-test finds that the sandbox does not isolate programs"
    )
    _tuning: Tuning = PrivateAttr(default_factory=Tuning)

    @property
    def tuning(self) -> Tuning:
        return self._tuning

    def tuned(self, **changes: Any) -> Self:
        """Return the settings with another `tuning`."""
        tuned = self.model_copy()
        tuned._tuning = replace(self._tuning, **changes)
        return tuned

    @property
    def max_body_bytes(self) -> int:
        """The longest body of a legal request. In JSON a byte can take six, and clients send the input under two
        names."""
        judges = 2 * self.max_checker_bytes
        return 6 * (self.max_source_bytes + judges + 2 * self.max_input_bytes) + (64 << 10)

    @property
    def max_bodies_bytes(self) -> int:
        """The bytes of all bodies under way, without the first 64 KiB of each. Beyond, requests get a 503."""
        return 2 * self.max_body_bytes

    @property
    def max_wall_limit(self) -> float:
        """The most seconds of elapsed time that a request may set. A program may wait for long and compute little."""
        return max(300.0, 5 * self.max_time_limit)

    @property
    def warm_boxes(self) -> int:
        """How many templates of each kind are ready. There is at most one before the first program of the kind."""
        boxes = self._tuning.warm_boxes
        return min(2 * self.executor_slots, 32) if boxes is None else boxes

    @property
    def cors_origins(self) -> tuple[str, ...]:
        return entries_of(self.executor_cors_origins)

    @property
    def programs_at_once(self) -> int:
        return self.executor_slots + self.express_slots + self.places

    @property
    def places(self) -> int:
        places = self._tuning.places
        return 2 * self.executor_slots if places is None else places

    @property
    def express_slots(self) -> int:
        express = self._tuning.express_slots
        return self.executor_slots if express is None else express

    @model_validator(mode="after")
    def _within_maxima(self) -> Self:
        for lower, higher in (
            ("max_source_bytes", "max_disk_bytes"),
            ("max_checker_bytes", "max_disk_bytes"),
            ("default_time_limit", "max_time_limit"),
            ("default_memory_limit", "max_memory_limit"),
        ):
            if getattr(self, lower) > getattr(self, higher):
                raise ValueError(
                    f"PRECIEUX_{lower.upper()} is above PRECIEUX_{higher.upper()}: lower the first or raise the other"
                )
        minimum = 2 * self.max_test_bytes + 64 * MIB
        if self.test_data_cache_bytes < minimum:
            raise ValueError(
                f"PRECIEUX_TEST_DATA_CACHE_BYTES is below {minimum}, which is 64 MiB and twice PRECIEUX_MAX_TEST_BYTES:"
                " raise the first or lower the other"
            )
        return self
