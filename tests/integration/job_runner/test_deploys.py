"""Deploys of the executor while long programs run: a real runner, and the executor's own server."""

from functools import partial
from pathlib import Path

import pytest

from job_runner.codex_client import CodexClient
from job_runner.pause import Pause
from job_runner.process import Processor
from job_runner.settings import EngineSettings
from precieux.ports import free_ports
from shared.database.connection import Database
from shared.retry import RetryPolicy
from shared.storage.local import LocalStore
from shared.storage.signing import LinkSigner
from tests.factories import LETTERHEAD
from tests.integration.job_runner.test_runner import all_are, running, settings
from tests.integration.rows import add_job, fetch
from tests.unit.executor.test_stopping import serving
from tests.waiting import eventually

pytestmark = pytest.mark.integration

_SHORT = RetryPolicy(base=0.01, cap=0.02)


async def test_ten_deploys_condemn_no_program(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each deploy ends both programs, as none can finish within the grace. It is no attempt and no crash."""
    [port] = free_ports(1)
    for number in range(2):
        await add_job(database, contents=f"print({number})")
    store = LocalStore(tmp_path, LinkSigner(b"k" * 32, "http://api"))
    engine = CodexClient(EngineSettings(codex_url=f"http://127.0.0.1:{port}"))
    processor = Processor(database, store, engine, LETTERHEAD, 3, policy=_SHORT, pause=Pause(_SHORT))
    async with running(database, processor, settings(), drain_seconds=10):
        for _ in range(10):
            async with serving(monkeypatch, grace=0, port=port) as served:
                await eventually(partial(served.pipeline.has_begun, 2), what="both programs run")
                served.stop.set()
        async with serving(monkeypatch, grace=0, port=port) as served:
            served.pipeline.may_end.set()
            await all_are("executed", database)
            served.stop.set()
    await engine.close()
    await store.close()
    rows = await fetch(database, "SELECT status, attempt, crashes FROM job")
    assert rows == [{"status": "executed", "attempt": 1, "crashes": 0}] * 2
