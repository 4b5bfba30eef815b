"""The engine as its callers see it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from shared.engine_api.codex import RunResponse
from shared.engine_api.event_lines import RunEvent


class EngineClient(Protocol):
    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        """Run a program. `share` names its share of the engine's slots, `filename` the source in its messages.

        Raises `EngineAway` if no program is the cause, `EngineUnavailable` if another try can help, or `EngineRefused`
        if none can. `EngineCrashed` means that no answer came: this call does not say whether the run had begun.
        """

    async def has_run_call(self) -> bool:
        """Return True if the engine has `POST /run` (`shared.engine_api.run_call`). Raises `EngineAway`."""

    async def is_well(self) -> bool:
        """Return True if the engine answers."""

    def run_program(self, program: bytes, *, share: str = "", silence_s: float = 0.0) -> AsyncGenerator[RunEvent]:
        """Yield the events of a run by `POST /run`. `program` is the JSON of a `ProgramRequest`.

        A test may take `silence_s`, in which there is no event; the wait for one may be longer by that.

        Raises what `run` raises, and `EngineCrashed` if the connection breaks after the first event. If the generator
        is closed, the engine ends the run.
        """

    async def put_test_data(self, sha256: str, data: bytes) -> None:
        """Send the input or the answer of a test, which the engine lacks. Raises what `run_program` raises."""


class OpenedEngine(EngineClient, Protocol):
    async def close(self) -> None:
        """Close all connections."""
