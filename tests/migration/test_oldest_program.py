"""A program starts on a newer schema until the schema lacks what the program needs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.adapters.database.connection import Database
from shared.adapters.database.migrations import OLDEST_PROGRAM
from shared.adapters.database.schema import require_current
from shared.common.service.errors import ConfigurationError
from tests.fixtures.postgres import connected
from tests.migration.locks import upgrade


async def make_newer(database: Database, oldest: str | None, revision: str = "9999") -> None:
    """Do what the migration of a later release does."""
    comment = "NULL" if oldest is None else f"'{oldest}'"
    async with database.transaction() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = :revision", {"revision": revision})
        await connection.execute(f"COMMENT ON TABLE alembic_version IS {comment}")


def run(module: str, database_url: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *words]
    environment = {**os.environ, "PRECIEUX_DATABASE_URL": database_url, "PRECIEUX_LOG_LEVEL": "ERROR", **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


async def test_a_program_starts_on_a_schema_that_has_more(database: Database) -> None:
    await make_newer(database, "0005")
    await require_current(database)


@pytest.mark.parametrize("oldest", ["9998", None])
async def test_a_program_refuses_a_schema_that_has_less(database: Database, oldest: str | None) -> None:
    await make_newer(database, oldest)
    with pytest.raises(ConfigurationError, match=r"schema \(9999\) is too new for this program \(\d{4}\): start the"):
        await require_current(database)


@pytest.mark.parametrize("revision", ["0017", "0002"])
async def test_a_program_refuses_a_schema_of_no_release(database: Database, revision: str) -> None:
    await make_newer(database, "0005", revision)
    with pytest.raises(ConfigurationError, match=rf"schema \({revision}\) is of a state of Precieux that was never"):
        await require_current(database)


_COMMANDS = (["status", "--system"], ["upgrade", "--check"], ["upgrade"], ["migrate"], ["keys", "list"], ["up"])


@pytest.mark.slow
@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
async def test_a_command_refuses_data_of_no_release(
    database: Database, database_url: str, command: Sequence[str], tmp_path: Path
) -> None:
    await make_newer(database, "0005", "0017")
    settings = {"PRECIEUX_DATA_DIR": str(tmp_path), "NO_COLOR": "1"}
    done = await asyncio.to_thread(run, "precieux", database_url, *command, **settings)
    assert done.returncode == 78, (done.stdout, done.stderr)
    text = " ".join(done.stderr.split())
    assert "(0017) is of a state of Precieux that was never released" in text
    assert "Traceback" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("revision", "reason"), [("9999", "is too new for this program"), ("0017", "was never released")]
)
@pytest.mark.parametrize("module", ["api_service", "job_runner", "queue_consumer", "shared.adapters.database.migrate"])
async def test_a_process_says_so_and_exits_with_78(
    database: Database, database_url: str, module: str, revision: str, reason: str, tmp_path: Path
) -> None:
    await make_newer(database, "9998", revision)
    settings = {"PRECIEUX_DATA_DIR": str(tmp_path), "PRECIEUX_CODEX_URL": "http://127.0.0.1:9", "PRECIEUX_PORT": "9"}
    done = await asyncio.to_thread(run, module, database_url, **settings)
    assert done.returncode == 78, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert f"({revision})" in sentence
    assert reason in sentence


@pytest.mark.slow
async def test_the_migration_leaves_a_newer_schema_alone(database: Database, database_url: str) -> None:
    await make_newer(database, "0005")
    done = await asyncio.to_thread(run, "shared.adapters.database.migrate", database_url)
    assert done.returncode == 0, done.stderr
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT version_num FROM alembic_version")
    assert row is not None
    assert row["version_num"] == "9999"


@pytest.mark.parametrize("revision", ["0005", "head"])
async def test_each_upgrade_notes_the_oldest_program(empty_database_url: str, revision: str) -> None:
    upgrade(empty_database_url, revision)
    async with connected(empty_database_url) as database, database.transaction() as connection:
        note = await connection.fetch_value("SELECT obj_description('alembic_version'::regclass, 'pg_class')")
    assert note == OLDEST_PROGRAM
