"""The part of a played engine that has no call but CodeX's."""

from collections.abc import AsyncGenerator

from job_runner.engine.event_lines import RunEvent


class CodexOnly:
    #: Whether it answers after a failure.
    well = False

    async def is_well(self) -> bool:
        return self.well

    async def put_test_data(self, sha256: str, data: bytes) -> None:
        raise NotImplementedError

    async def has_run_call(self) -> bool:
        return False

    async def run_program(self, program: bytes, *, share: str = "", silence_s: float = 0) -> AsyncGenerator[RunEvent]:
        raise NotImplementedError
        yield
