"""Runs the revisions over an async connection; the URL comes from `shared.database.migrate`, never from a file."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database.connector import Connector
from shared.database.roles import grant
from shared.database.tables import metadata

# An arbitrary number: no other program uses it as an advisory lock on this database.
_MIGRATION_LOCK = 0x50524543


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        # Of two concurrent upgrades the second waits, and then finds nothing to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        context.run_migrations()
        if context.get_context().get_current_revision() == context.get_head_revision():
            grant(connection)


async def _connect_and_run() -> None:
    connector = Connector(context.config.attributes["url"])
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connector.connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_connect_and_run())
