"""Checks that a program can use a database's schema. It needs no Alembic, which would take 5 MB in each service."""

from collections.abc import Sequence
from importlib import resources
from typing import Final

from shared.adapters.database.connection import Database
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import get_logger

log = get_logger(__name__)

#: The comment is `OLDEST_PROGRAM` of the migrations.
_REVISIONS: Final = """
SELECT version_num AS current, obj_description('alembic_version'::regclass, 'pg_class') AS oldest_program
FROM alembic_version
"""

_HAS_REVISIONS: Final = "SELECT to_regclass('alembic_version') IS NOT NULL AS found"


def revisions() -> Sequence[str]:
    """Return the revisions that this release knows, the oldest first. Files are named after them: `r0001_original`."""
    names = [file.name for file in (resources.files("shared.adapters.database") / "migrations" / "versions").iterdir()]
    return sorted(name[1:5] for name in names if name.startswith("r") and name.endswith(".py"))


def is_newer(current: str | None) -> bool:
    """Return True if a revision is of a later release. Raise `ConfigurationError` if it is of no release."""
    every = revisions()
    if current is None or current in every:
        return False
    # Numbers only grow, so a later release has a higher one.
    if current < every[-1]:
        raise ConfigurationError(
            f"the database's schema ({current}) is of a state of Precieux that was never released, so no release can"
            " use its data: restore a backup of a release, or run the program that made them"
        )
    return True


async def current_revision(database: Database) -> str | None:
    """Return the revision of the schema; None if it is empty. Raise `ConfigurationError` if it cannot be used.

    A newer schema is accepted until it lacks what this program needs. So while an upgrade is under way, the previous
    release's programs go on, and may be started again.
    """
    async with database.transaction() as connection:
        exists = await connection.fetch_one(_HAS_REVISIONS)
        row = await connection.fetch_one(_REVISIONS) if exists and exists["found"] else None
    if row is None:
        return None
    current: str = row["current"]
    every = revisions()
    if is_newer(current):
        # A program that knows the oldest revision is of that revision, or of a later one.
        if row["oldest_program"] not in every:
            raise ConfigurationError(
                f"the database's schema ({current}) is too new for this program ({every[-1]}): start the release that"
                " upgraded the database, or restore a backup from before the upgrade"
            )
        log.warning("schema.newer", current=current, known_head=every[-1])
    return current


async def require_current(database: Database) -> None:
    """Raise `ConfigurationError` if this program cannot use the schema: it is older, too new, or of no release."""
    current, every = await current_revision(database), revisions()
    if current is None or current in every[:-1]:
        raise ConfigurationError(
            f"the database's schema is older than this program ({current or 'empty'}, not {every[-1]}):"
            " run `precieux migrate`, then start again"
        )
