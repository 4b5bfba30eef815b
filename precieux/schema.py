"""Reads the revision of a database's schema, by its address alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg


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
