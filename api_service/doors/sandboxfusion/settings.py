"""The settings of this front door."""

from pydantic import Field

from shared.common.service.settings import Settings


class SandboxFusionSettings(Settings):
    sandboxfusion_wait_seconds: float | None = Field(
        default=None,
        gt=0,
        le=6000,
        description="seconds for which a request of SandboxFusion's clients waits for its slot, then 504; unset, what"
        " verl's patience allows",
    )
    sandboxfusion_memory_mb: int | None = Field(
        default=None,
        gt=0,
        description="MiB of a program of SandboxFusion's clients that asks for no limit; unset, the most",
    )
