"""Upgrades the schema (`python -m shared.database.migrate`), and checks that it is current."""

import asyncio
import sys

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from shared.database.connection import Database, DatabaseSettings
from shared.errors import ConfigurationError
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
    """Raise `ConfigurationError` if the schema is older than this code.

    A revision that this code does not know is newer: an upgrade is under way. It is accepted, because the previous
    release works with the schema of the next one.
    """
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    async with database.transaction() as connection:
        exists = await connection.fetch_one("SELECT to_regclass('alembic_version') IS NOT NULL AS found")
        row = (
            await connection.fetch_one("SELECT version_num FROM alembic_version")
            if exists and exists["found"]
            else None
        )
    current = row["version_num"] if row else None
    known = {revision.revision for revision in script.walk_revisions()}
    if current == script.get_current_head():
        return
    if current is None or current in known:
        raise ConfigurationError(
            f"the database's schema is older than this program ({current or 'empty'}, not"
            f" {script.get_current_head()}): run `precieux migrate`, then start again"
        )
    log.warning("schema.newer", current=current, known_head=script.get_current_head())


async def _wait_for_database(settings: DatabaseSettings) -> None:
    database = Database(settings)
    await database.connect()
    await database.disconnect()


def main() -> int:
    try:
        configure_logging("migrate", load(LogSettings))
        settings = load(DatabaseSettings)
    except ConfigurationError as exc:
        return fail(exc)
    asyncio.run(_wait_for_database(settings))
    command.upgrade(alembic_config(settings.database_url.get_secret_value()), "head")
    log.info("schema.current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
