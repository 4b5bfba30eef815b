"""The revision of a database's schema, beside those of this release."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import asyncpg
from alembic.script import ScriptDirectory

from shared.database.migrate import alembic_config


def revision_of(url: str) -> str | None:
    """Return the revision of the database at `url`; None if it is empty."""

    async def ask() -> str | None:
        connection = await asyncpg.connect(url)
        try:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            return found
        finally:
            await connection.close()

    # In another thread, because this one may run an event loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, ask()).result()


def revisions() -> Sequence[str]:
    """Return the revisions that this release knows, the oldest first."""
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    return [revision.revision for revision in script.walk_revisions()][::-1]
