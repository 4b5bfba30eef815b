"""Upgrades the schema: `python -m shared.database.migrate`."""

import asyncio
import sys

from alembic import command
from alembic.config import Config

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


def upgrade(url: str) -> None:
    """Upgrade the schema of the database at `url` to this release's."""
    command.upgrade(alembic_config(url), "head")


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
    upgrade(settings.database_url.get_secret_value())
    log.info("schema.current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
