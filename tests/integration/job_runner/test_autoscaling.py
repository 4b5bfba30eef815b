"""The query in the manifest by which Kubernetes counts the runners that it needs."""

from pathlib import Path
from typing import Final

import pytest
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
    assert await value(database) == 2


async def value(database: Database) -> int:
    (row,) = await fetch(database, query())
    (wanted,) = row.values()
    return int(wanted)


@pytest.mark.parametrize(
    ("slots", "seen", "wanted"),
    [
        (2, "now()", 4),  # all are full: more runners than twice the slots do not help
        (100, "now()", 12),
        (None, "now()", 12),  # an engine of an earlier release
        (2, "now() - interval '3 minutes'", 0),  # all are away
    ],
)
async def test_no_more_runners_are_counted_than_could_run_programs(
    database: Database, slots: int | None, seen: str, wanted: int
) -> None:
    for _ in range(12):
        await add_job(database)
    await execute(
        database,
        "INSERT INTO languages (code, info, details, seen_at) VALUES ('py', '', jsonb_build_object('slots',"
        f" CAST(:slots AS integer)), {seen})",
        slots=slots,
    )
    assert await value(database) == wanted
