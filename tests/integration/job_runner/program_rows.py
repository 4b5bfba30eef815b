"""Submissions of API v1 for tests of the runner, and a runner for them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from uuid import uuid4

import pytest

from job_runner.runs import runner as runner_module
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from job_runner.settings import RunnerSettings
from queue_consumer.jobs import JobMaker
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.files.archives import pack
from tests.fixtures.postgres import owner_of
from tests.integration.loops import looping
from tests.integration.rows import add_upload, fetch
from tests.waiting import eventually

_TEST: Final[dict[str, Any]] = {
    "name": "1", "stdin": "", "args": [], "expected_output": None, "limits": {}, "hidden": False, "points": 1
}  # fmt: skip


class Run(Protocol):
    """Adds a submission, runs it until its job has this status, and returns its id."""

    async def __call__(self, status: str = "executed", **submission: Any) -> int: ...


@asynccontextmanager
async def running(
    database: Database, processor: Processor, *, drain_seconds: float = 0, **changes: float
) -> AsyncIterator[tuple[Runner, asyncio.Event]]:
    """Run a runner while the block runs, or until the event. It polls each hour, so only an event wakes it."""
    settings = RunnerSettings.model_validate({"poll_interval": 3600, **changes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner_module, "_DRAIN_SECONDS", drain_seconds)
        runner = Runner(database, processor, settings)
        async with looping(runner.run) as stop:
            yield runner, stop


async def add(
    database: Database,
    store: LocalStore,
    *,
    spec: dict[str, Any] | None = None,
    files: dict[str, bytes] | None = None,
    tests: list[dict[str, Any]] | None = None,
    is_classic: bool = False,
    in_row: bool = False,
    **columns: Any,
) -> int:
    """Add a requested submission and its job, as the API and the consumer do; return its id."""
    files = files or {"main.py": b"print(1)"}
    key, data = f"{uuid4().hex}.py", next(iter(files.values()))
    if len(files) > 1:
        key, data = f"{uuid4().hex}.zip", pack(files)
    if not in_row:
        await store.put(key, data)
    request = uuid4()
    upload = await add_upload(
        database,
        object_key=key,
        sha256=hashlib.sha256(data).hexdigest(),
        request_id=request,
        content=data if in_row else None,
        **{
            "spec": None if is_classic else spec or {},
            "filename": next(iter(files)),
            "files": [{"path": path, "size_bytes": len(content)} for path, content in files.items()],
            "tests": [{**_TEST, **one} for one in tests] if tests else None,
            **columns,
        },
    )
    await JobMaker(owner_of(database), store).make(str(upload).encode(), str(request))
    return upload


async def all_are(state: str, database: Database) -> None:
    """Return when every job is in this state."""

    async def reached() -> bool:
        return {row["status"] for row in await fetch(database, "SELECT status FROM job")} == {state}

    await eventually(reached, what=f"all jobs are {state}")
