"""Checks that a database's schema is current. It needs no Alembic, which would take 5 MB in each service."""

from collections.abc import Sequence
from importlib import resources

from shared.database.connection import Database
from shared.errors import ConfigurationError
from shared.logging import get_logger

log = get_logger(__name__)


def revisions() -> Sequence[str]:
    """Return the revisions that this release knows, the oldest first. Files are named after them: `r0001_original`."""
    names = [file.name for file in (resources.files("shared.database") / "migrations" / "versions").iterdir()]
    return sorted(name[1:5] for name in names if name.startswith("r") and name.endswith(".py"))


async def require_current(database: Database) -> None:
    """Raise `ConfigurationError` if the schema is older than this code.

    A revision that this code does not know is newer: an upgrade is under way. It is accepted, because the previous
    release works with the schema of the next one.
    """
    async with database.transaction() as connection:
        exists = await connection.fetch_one("SELECT to_regclass('alembic_version') IS NOT NULL AS found")
        row = (
            await connection.fetch_one("SELECT version_num FROM alembic_version")
            if exists and exists["found"]
            else None
        )
    current, known = row["version_num"] if row else None, revisions()
    if current == known[-1]:
        return
    if current is None or current in known:
        raise ConfigurationError(
            f"the database's schema is older than this program ({current or 'empty'}, not {known[-1]}):"
            " run `precieux migrate`, then start again"
        )
    log.warning("schema.newer", current=current, known_head=known[-1])
