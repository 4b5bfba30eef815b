"""The query in the manifest by which Kubernetes counts the runners that it needs."""

from pathlib import Path
from typing import Final

import yaml

from shared.adapters.database.connection import Database
from tests.integration.rows import add_job, execute, fetch

_MANIFEST: Final = Path(__file__).parents[3] / "deploy/kubernetes/keda/runner.yaml"


def query() -> str:
    scaled = next(one for one in yaml.safe_load_all(_MANIFEST.read_text()) if one["kind"] == "ScaledObject")
    return str(scaled["spec"]["triggers"][0]["metadata"]["query"])


async def test_jobs_that_run_or_could_run_are_counted(database: Database) -> None:
    due, under_way, later, done = [await add_job(database) for _ in range(4)]
    for job, change in (
        (under_way, "status = 'executing'"),
        (later, "run_after = now() + interval '1 minute'"),
        (done, "status = 'executed'"),
    ):
        await execute(database, f"UPDATE job SET {change} WHERE id = :id", id=job)
    assert due
    (row,) = await fetch(database, query())
    assert list(row.values()) == [2]
