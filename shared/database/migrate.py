"""Upgrades the schema (`python -m shared.database.migrate`), and checks that programs can use it."""

import asyncio
import os
import sys

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from shared.database import oldest_program
from shared.database.connection import Database, DatabaseSettings
from shared.errors import ConfigurationError, DatabaseConflict
from shared.logging import LogSettings, configure_logging, get_logger
from shared.settings import fail, load

log = get_logger(__name__)


def alembic_config(url: str) -> Config:
    """Return Alembic's configuration without a file; `url` is any postgresql:// address."""
    config = Config()
    config.set_main_option("script_location", "shared.database:migrations")
    config.attributes["url"] = url
    return config


async def require_current(database: Database) -> None:
    """Raise `ConfigurationError` if this program cannot use the schema: it is older, or too new."""
    current = await _current(database)
    head, known = _known()
    if current != head and (current is None or current in known):
        raise ConfigurationError(
            f"the database's schema is older than this program ({current or 'empty'}, not {head}):"
            " run `precieux migrate`, then start again"
        )


async def _current(database: Database) -> str | None:
    """Return the revision of the schema; None if it is empty. Raise `ConfigurationError` if it is too new.

    A newer schema is accepted until it lacks what this program needs. So while an upgrade is under way, the previous
    release's programs go on, and may be started again.
    """
    async with database.transaction() as connection:
        exists = await connection.fetch_one("SELECT to_regclass('alembic_version') IS NOT NULL AS found")
        row = (
            await connection.fetch_one(
                f"SELECT version_num, ({oldest_program.QUERY}) AS oldest FROM alembic_version"  # noqa: S608
            )
            if exists and exists["found"]
            else None
        )
    if row is None:
        return None
    current: str = row["version_num"]
    head, known = _known()
    if current not in known:
        # A program that knows the oldest revision is of that revision, or of a later one.
        if row["oldest"] not in known:
            raise ConfigurationError(
                f"the database's schema ({current}) is too new for this program ({head}): start the release that"
                " upgraded the database, or restore a backup from before the upgrade"
            )
        log.warning("schema.newer", current=current, known_head=head)
    return current


def _known() -> tuple[str | None, set[str]]:
    """Return the newest revision that this program knows, and all of them."""
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    return script.get_current_head(), {revision.revision for revision in script.walk_revisions()}


async def _first_look(settings: DatabaseSettings) -> str | None:
    """Wait for the server, and return the revision of the schema."""
    database = Database(settings)
    await database.connect()
    try:
        return await _current(database)
    finally:
        await database.disconnect()


def main() -> int:
    try:
        configure_logging("migrate", load(LogSettings))
        settings = load(DatabaseSettings)
        current = asyncio.run(_first_look(settings))
        if current is None or current in _known()[1]:
            upgrade(settings.database_url.get_secret_value())
            log.info("schema.current")
    except ConfigurationError as exc:
        return fail(exc)
    except DatabaseConflict as exc:
        fail(exc)
        return os.EX_TEMPFAIL
    return 0


def upgrade(url: str) -> None:
    """Upgrade the schema to the newest revision. Services of the previous release may use it meanwhile."""
    command.upgrade(alembic_config(url), "head")


if __name__ == "__main__":
    sys.exit(main())
