"""The settings of this front door."""

from typing import Annotated

from pydantic import Field

from shared.service.settings import Settings


class SandboxFusionSettings(Settings):
    sandboxfusion_wait_seconds: Annotated[
        float | None,
        Field(
            gt=0,
            le=6000,
            description="seconds for which a request of SandboxFusion's clients waits for its slot, then 504; unset,"
            " what verl's patience allows",
        ),
    ] = None
    sandboxfusion_memory_mb: Annotated[
        int | None,
        Field(gt=0, description="MiB of a program of SandboxFusion's clients that asks for no limit; unset, the most"),
    ] = None
