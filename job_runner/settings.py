"""The settings of the job runner."""

from typing import Annotated

from pydantic import Field

from shared.common.service.settings import Settings


class RunnerSettings(Settings):
    poll_interval: Annotated[
        float, Field(gt=0, le=3600, description="seconds between two checks for jobs and mails without a NOTIFY")
    ] = 60
    runner_concurrency: Annotated[int, Field(ge=1, le=256, description="programs that run at the engine at once")] = 8
    max_attempts: Annotated[
        int, Field(ge=1, le=1000, description="attempts after which a job is given up, if the engine fails each time")
    ] = 20
    lease_seconds: Annotated[
        float, Field(ge=1, le=3600, description="seconds after which a silent runner loses its jobs")
    ] = 15
    retention_days: Annotated[
        int, Field(ge=0, le=36500, description="days after which submissions are removed; 0 keeps them")
    ] = 90
