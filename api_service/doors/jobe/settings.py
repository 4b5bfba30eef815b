"""The settings of this front door."""

from typing import Annotated

from pydantic import Field

from shared.service.settings import Settings


class JobeSettings(Settings):
    jobe_wait_seconds: Annotated[
        float,
        Field(gt=0, le=600, description="seconds that a run waits for its slot; then it is answered as an overload"),
    ] = 60
    jobe_max_cputime: Annotated[int, Field(ge=1, description="CPU seconds that a run may ask for at most")] = 120
    jobe_files_bytes: Annotated[int, Field(ge=1, description="bytes of a key's files; then the oldest go")] = 1 << 30
