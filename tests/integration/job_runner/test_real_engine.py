"""Programs of API v1 through the runner and a real executor: results, limits, and cancelling."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api_service.cancelling import cancel
from job_runner.codex_client import CodexClient
from job_runner.process import Processor
from job_runner.settings import EngineSettings
from shared.database.connection import Database
from shared.storage.local import LocalStore
from tests.factories import LETTERHEAD
from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.program_rows import add, all_are, running
from tests.integration.rows import fetch
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.integration

SLEEPS = b"import time\nprint('started', flush=True)\ntime.sleep(60)\n"


async def processor_of(database: Database, store: LocalStore, executor: RunningExecutor) -> AsyncIterator[Processor]:
    engine = CodexClient(EngineSettings(codex_url=executor.url))
    yield Processor(database, store, engine, LETTERHEAD, max_attempts=3)
    await engine.close()


@pytest.fixture
async def processor(database: Database, store: LocalStore, executor: RunningExecutor) -> AsyncIterator[Processor]:
    async for one in processor_of(database, store, executor):
        yield one


async def result(database: Database) -> dict[str, Any]:
    [row] = await fetch(database, "SELECT * FROM results")
    return row


@pytest.mark.parametrize(
    ("source", "expected", "error"),
    [
        (b"print('a')", "ok", ""),
        (b"import sys; print('a'); sys.exit(3)", "runtime_error", "Exited with code 3."),
        (b"import os; os.abort()", "runtime_error", "Killed by signal 6"),
        (b"print('a'", "runtime_error", "SyntaxError"),
        (b"while True: pass", "time_limit", "Time limit exceeded"),
    ],
)
async def test_the_classic_error_is_that_of_the_codex_call(
    database: Database, store: LocalStore, processor: Processor, source: bytes, expected: str, error: str
) -> None:
    """The same program by both calls: `error` and the verdict are the same."""
    async with running(database, processor):
        await add(database, store, files={"main.py": source}, spec={"limits": {"cpu_s": 1}})
        await all_are("executed", database, timeout=30)
    row = await result(database)
    engine = processor._engine
    assert isinstance(engine, CodexClient)
    fields = {"code": source.decode(), "language": "py", "input": "in", "filename": "main.py", "time_limit": 1}
    answer = (await engine._client.post("/", json=fields)).json()
    assert (row["verdict"], row["output"], row["exit_code"], row["signal"]) == (
        answer["verdict"],
        answer["output"],
        answer["exit_code"],
        answer["signal"],
    )
    assert row["verdict"] == expected
    assert row["error"] == answer["error"]
    assert error in row["error"]


@pytest.mark.parametrize("is_classic", [False, True])
async def test_a_cancelled_program_is_killed_within_a_second(
    database: Database, store: LocalStore, is_classic: bool
) -> None:
    # In a cold box the program's command line names its file.
    with running_executor("cold", executor_slots="1") as executor:
        async for processor in processor_of(database, store, executor):
            async with running(database, processor, lease_seconds=3600, runner_concurrency=1):
                upload = await add(database, store, files={"main.py": SLEEPS}, is_classic=is_classic)
                await eventually(lambda: _programs(executor) == 1, what="the program runs")
                since = time.monotonic()
                await cancel(owner_of(database), [upload])
                await eventually(lambda: _programs(executor) == 0, timeout=5, what="the program is dead")
                assert time.monotonic() - since < 1 * PATIENCE
                # Its slot is free.
                await add(database, store)
                await eventually(lambda: _is_executed(database), what="the next program runs")
    states = await fetch(database, "SELECT status FROM job ORDER BY status")
    assert states == [{"status": "cancelled"}, {"status": "executed"}]


async def _is_executed(database: Database) -> bool:
    return bool(await fetch(database, "SELECT FROM job WHERE status = 'executed'"))


def _programs(executor: RunningExecutor) -> int:
    """Return how many sleeping programs the executor's descendants are: those whose source is `SLEEPS`."""
    return sum(b"main.py" in command for command in _commands(executor.pid))


def _commands(pid: int) -> list[bytes]:
    commands = []
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    for child in children:
        try:
            commands.append(Path(f"/proc/{child}/cmdline").read_bytes())
        except OSError:
            continue
        commands += _commands(child)
    return commands
