"""The output of a running program comes from the engine to the notifications of the API's streams."""

import asyncio

import pytest

from job_runner.runs import live_output
from job_runner.runs.live_output import LiveOutput
from job_runner.runs.process import Processor
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.engine_api.run_call.events import Output
from tests.integration.job_runner.engines import STARTED, StreamingEngine, ended
from tests.integration.job_runner.program_rows import add, all_are, running
from tests.integration.rows import notified
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _short_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_output, "_PACE_S", 0.01)


async def test_output_is_passed_on_while_the_program_runs(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine
) -> None:
    engine.allowed = asyncio.Semaphore(3)
    written = [Output(stream="stdout", text="a\0b c\n"), Output(stream="stderr", text="oh\n")]
    engine.streams = [[STARTED, *written, ended(1)]]
    async with notified(database, channels.LIVE_OUTPUT) as payloads, running(database, processor):
        upload = await add(database, store, spec={"live_output": True})
        await eventually(lambda: len(payloads) == 2, what="both are passed on")
        engine.allowed.release()
        await all_are("executed", database)
    assert payloads == [f"{upload} 0 stdout a\ufffdb c\n", f"{upload} 1 stderr oh\n"]
    assert engine.requests[0].live_output


async def test_only_the_end_of_a_flood_is_passed_on(database: Database) -> None:
    """A character of four bytes makes the longest notifications, which Postgres bounds."""
    async with notified(database, channels.LIVE_OUTPUT) as payloads:
        live = LiveOutput(database, 7)
        live.write(Output(stream="stderr", text="lost"))
        for _ in range(40):
            live.write(Output(stream="stdout", text="\N{GRINNING FACE}" * 1000))
        await eventually(lambda: len(payloads) >= 16, what="the end is passed on")
    assert payloads == [f"7 {number} stdout " + "\N{GRINNING FACE}" * 1900 for number in range(16)]


async def test_a_run_that_is_over_passes_nothing_on(database: Database) -> None:
    async with notified(database, channels.LIVE_OUTPUT) as payloads:
        over, other = LiveOutput(database, 7), LiveOutput(database, 8)
        over.write(Output(stream="stdout", text="x"))
        over.close()
        other.write(Output(stream="stdout", text="y"))
        await eventually(lambda: payloads, what="the other's output")
    assert payloads == ["8 0 stdout y"]
