from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from job_runner.runs.process import Processor
from job_runner.verdict import outcome
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.retry import RetryPolicy
from tests.factories import BRANDING
from tests.integration.job_runner.engines import StreamingEngine
from tests.integration.job_runner.mails import ScriptedMailer
from tests.integration.job_runner.program_rows import Run, add, all_are, running


@pytest.fixture
def database_role() -> Role:
    return Role.RUNNER


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    store = LocalStore(tmp_path, LinkSigner(b"k" * 32, "http://api"))
    yield store
    await store.close()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> StreamingEngine:
    monkeypatch.setattr(outcome, "_RERUN_SECONDS", 0)
    return StreamingEngine()


@pytest.fixture
def mailer() -> ScriptedMailer:
    return ScriptedMailer()


@pytest.fixture
def processor(database: Database, store: LocalStore, engine: StreamingEngine) -> Processor:
    policy = RetryPolicy(base=0.01, cap=0.02)
    return Processor(database, store, engine, BRANDING, max_attempts=3, policy=policy)


@pytest.fixture
def run(database: Database, store: LocalStore, processor: Processor) -> Run:
    async def run(status: str = "executed", **submission: Any) -> int:
        upload = await add(database, store, **submission)
        async with running(database, processor):
            await all_are(status, database)
        return upload

    return run
