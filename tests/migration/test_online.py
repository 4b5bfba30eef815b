"""Services write while the schema is upgraded: no revision stops them for long, and each can be interrupted."""

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from alembic import command

from shared.adapters.database import migrations
from shared.adapters.database.migrate import alembic_config
from tests.fixtures.postgres import execute, in_thread
from tests.migration.locks import MAX_LENGTH, fill, measure, upgrade
from tests.migration.schema import differences
from tests.waiting import eventually

_VERSIONS: Final = Path(migrations.__file__).parent / "versions"
#: Tables that grow with each submission, and the revision that makes them.
_LARGE: Final = {
    "uploads": "0001",
    "job": "0001",
    "results": "0001",
    "emails": "0005",
    "test_results": "0021",
    "webhooks": "0021",
}
#: The revision that the original is stopped for.
_OFFLINE: Final = "0005"
_ROWS: Final = int(os.environ.get("PRECIEUX_TEST_ROWS", "50000"))


def test_revisions_never_lock_a_large_table_for_long() -> None:
    """A lock is long if the whole table is read or written under it."""
    found = []
    for path in sorted(_VERSIONS.glob("r[0-9]*")):
        revision = path.name[1:5]
        large = [table for table, made in _LARGE.items() if made < revision]
        if revision <= _OFFLINE:
            continue
        found += [
            f"{revision}: {line.strip()}"
            for line in re.split(r";\n|\"\"\"", path.read_text())
            for table in large
            if re.search(rf"CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?\w+ ON {table}\b", line)
            or (
                re.search(rf"ALTER TABLE {table}\b", line)
                and re.search(r"ADD CONSTRAINT|ALTER COLUMN \w+ (TYPE|SET NOT NULL)|CONSTRAINT \w+ (CHECK|REF)", line)
                and line.count("ADD CONSTRAINT") != line.count("NOT VALID")
            )
        ]
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(120 + _ROWS / 1000)
async def test_writers_wait_less_than_a_second(empty_database_url: str) -> None:
    fill(empty_database_url, _ROWS)
    waits = measure(empty_database_url, _ROWS)
    assert {revision: seconds for revision, seconds in waits.items() if seconds > MAX_LENGTH} == {}
    assert await differences(empty_database_url) == set()


@pytest.mark.slow
async def test_writers_pass_an_upgrade_that_waits_for_a_lock(empty_database_url: str) -> None:
    upgrade(empty_database_url, "0005")
    long_one, writer = [await asyncpg.connect(empty_database_url) for _ in range(2)]
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE emails%'"
    try:
        await long_one.execute("BEGIN; LOCK TABLE emails IN ROW EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as thread:
            upgrading = thread.submit(command.upgrade, alembic_config(empty_database_url), "0021")
            try:
                await eventually(lambda: writer.fetchval(waiting), timeout=20)
                # It queues behind the waiting ALTER TABLE, which gives up.
                await writer.execute("DELETE FROM emails", timeout=20)
                assert not upgrading.done()
            finally:
                await long_one.close()
            await asyncio.wrap_future(upgrading)
        assert await writer.fetchval("SELECT version_num FROM alembic_version") == "0021"
    finally:
        await writer.close()


class _Interruption(Exception):
    """The process of the upgrade ends."""


@pytest.mark.slow
async def test_an_upgrade_goes_on_after_an_interruption(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is interrupted after each step that it commits before the end of a revision."""
    seen = set()

    def interrupted(step: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: Any) -> None:
            step(*arguments)
            if arguments not in seen:
                seen.add(arguments)
                raise _Interruption

        return run

    for name in ("create_indexes", "run_online", "update_in_batches"):
        monkeypatch.setattr(migrations, name, interrupted(getattr(migrations, name)))
    fill(empty_database_url, 100)
    interruptions = 0
    while True:
        try:
            in_thread(lambda: command.upgrade(alembic_config(empty_database_url), "head"))
        except _Interruption:
            interruptions += 1
        else:
            break
    assert interruptions == len(seen) > 6
    assert await differences(empty_database_url) == set()


@pytest.mark.slow
async def test_an_index_that_was_left_half_made_is_made_again(empty_database_url: str) -> None:
    upgrade(empty_database_url, "0005")
    execute(empty_database_url, "CREATE INDEX job_number_idx ON job (upload)")
    invalidate = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('job_number_idx')"
    execute(empty_database_url, invalidate)
    upgrade(empty_database_url, "head")
    assert await differences(empty_database_url) == set()
