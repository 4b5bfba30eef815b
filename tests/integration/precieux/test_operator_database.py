"""An operator's command uses the operator's own database, the running embedded one, or starts that one."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from precieux.installation.operator_database import operate, transact
from precieux.postgres.embedded import EmbeddedPostgres, running_url
from shared.adapters.database.connection import Database
from shared.adapters.database.roles import Role
from shared.common.service.errors import ConfigurationError
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.postgres import url_of
from tests.integration.rows import fetch


def where(data_dir: Path | None = None) -> tuple[object, object]:
    """Return the start time of the server that a command reaches, and the name of the database."""
    [row] = operate(
        lambda database: fetch(database, "SELECT pg_postmaster_start_time() AS since, current_database() AS name"),
        data_dir,
    )
    return row["since"], row["name"]


def make_key() -> object:
    return transact(lambda connection: api_keys.create(connection, "Course 101", [Scope.ADMIN]))


def test_the_operators_own_database_takes_precedence(
    database_url: str, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", database_url)
    assert where(open_folder)[1] == urlsplit(database_url).path.lstrip("/")
    assert os.listdir(open_folder) == []


@pytest.mark.slow
def test_a_missing_server_is_started_migrated_and_stopped(open_folder: Path) -> None:
    async def work(database: Database) -> bool:
        assert await fetch(database, "SELECT id FROM uploads") == []
        return running_url(open_folder / "postgres", Role.OPERATOR) is not None

    assert operate(work, open_folder)
    assert running_url(open_folder / "postgres", Role.OPERATOR) is None


def test_a_folder_that_does_not_exist_is_not_made(open_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no data folder of Precieux at"):
        where(open_folder / "typo")
    assert os.listdir(open_folder) == []


@pytest.mark.slow
def test_a_running_server_is_found_and_left_running(open_folder: Path) -> None:
    where(open_folder)
    with EmbeddedPostgres(open_folder / "postgres", durable=False) as postgres:
        assert running_url(open_folder / "postgres", Role.OPERATOR) == postgres.url(Role.OPERATOR)
        found = where(open_folder)
        assert found == where(open_folder)
        assert found[1] == "precieux"
        assert postgres.running


def test_a_role_without_the_right_names_the_one_that_has_it(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", url_of(Role.API, database_url))
    with pytest.raises(ConfigurationError, match="precieux_operator"):
        make_key()
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", url_of(Role.OPERATOR, database_url))
    assert make_key()


def test_an_older_schema_is_one_sentence(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", empty_database_url)
    with pytest.raises(ConfigurationError, match="precieux migrate"):
        where()
