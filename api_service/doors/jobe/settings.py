"""The settings of this front door."""

from pydantic import Field

from shared.common.service.settings import Settings


class JobeSettings(Settings):
    jobe_wait_seconds: float = Field(
        default=60,
        gt=0,
        le=600,
        description="seconds that a run waits for its slot; then it is answered as an overload",
    )
    jobe_max_cputime: int = Field(default=120, ge=1, description="CPU seconds that a run may ask for at most")
    jobe_files_bytes: int = Field(default=1 << 30, ge=1, description="bytes of a key's files; then the oldest go")
