"""The settings of this front door."""

from typing import Annotated

from pydantic import Field

from shared.service.settings import Settings


class JobeSettings(Settings):
    jobe_wait_seconds: Annotated[
        float,
        Field(gt=0, le=600, description="seconds that a run waits for its slot; then it is answered as an overload"),
    ] = 60
