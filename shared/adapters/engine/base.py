"""The engine as its callers see it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol, TypeAlias

from shared.engine_api.codex import RunResponse
from shared.engine_api.event_lines import RunEvent

#: Returns the input or the answer of a test by its SHA-256.
ReadData: TypeAlias = Callable[[str], Awaitable[bytes]]


class EngineClient(Protocol):
    async def run(
        self, *, code: str, language: str, inputs: str, share: str = "", filename: str | None = None
    ) -> RunResponse:
        """Run a program. `share` names its share of the engine's slots, `filename` the source in its messages.

        Raises `EngineAway` if no program is the cause, of which `EngineFull` if it has no room and `EngineStopped` if
        other engines are there, `EngineUnavailable` if another try can help, or `EngineRefused` if none can.
        `EngineCrashed` means that no answer came: this call does not say whether the run had begun.
        """

    async def has_run_call(self) -> bool:
        """Return True if the engine has `POST /run` (`shared.engine_api.run_call`). Raises `EngineAway`."""

    async def is_well(self) -> bool:
        """Return True if the engine answers."""

    def run_program(
        self, program: bytes, *, share: str = "", silence_s: float = 0.0, data: ReadData | None = None
    ) -> AsyncGenerator[RunEvent]:
        """Yield the events of a run by `POST /run`. `program` is the JSON of a `ProgramRequest`.

        A test may take `silence_s`, in which there is no event; the wait for one may be longer by that. `data` reads
        what the engine lacks of the tests.

        Raises what `run` raises, and `EngineCrashed` if the connection breaks after the first event. If the generator
        is closed, the engine ends the run.
        """


class OpenedEngine(EngineClient, Protocol):
    async def close(self) -> None:
        """Close all connections."""
