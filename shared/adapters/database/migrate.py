"""Upgrades the schema: `python -m shared.adapters.database.migrate`."""

import asyncio
import os
import sys

from alembic import command
from alembic.config import Config

from shared.adapters.database.connection import Database, DatabaseSettings
from shared.adapters.database.schema import current_revision, revisions
from shared.common.service.errors import ConfigurationError, DatabaseConflict
from shared.common.service.logging import LogSettings, configure_logging, get_logger
from shared.common.service.settings import fail, load

log = get_logger(__name__)


def alembic_config(url: str) -> Config:
    """Return Alembic's configuration without a file; `url` is any postgresql:// address."""
    config = Config()
    config.set_main_option("script_location", "shared.adapters.database:migrations")
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Upgrade the schema to this release's. Services of the previous release may use it meanwhile."""
    command.upgrade(alembic_config(url), "head")


def upgrade_if_older(settings: DatabaseSettings) -> bool:
    """Wait for the server, and bring the schema to this release's, also from nothing. Return True if it is there.

    Return False, and change nothing, if it is newer and this release may use it. Raise `ConfigurationError` if it is
    too new for this release.
    """
    current = asyncio.run(_first_look(settings))
    if current is not None and current not in revisions():
        return False
    upgrade(settings.database_url.get_secret_value())
    return True


async def _first_look(settings: DatabaseSettings) -> str | None:
    database = Database(settings)
    await database.connect()
    try:
        return await current_revision(database)
    finally:
        await database.disconnect()


def main() -> int:
    try:
        configure_logging("migrate", load(LogSettings))
        if upgrade_if_older(load(DatabaseSettings)):
            log.info("schema.current")
    except ConfigurationError as exc:
        return fail(exc)
    except DatabaseConflict as exc:
        fail(exc)
        return os.EX_TEMPFAIL
    return 0


if __name__ == "__main__":
    sys.exit(main())
