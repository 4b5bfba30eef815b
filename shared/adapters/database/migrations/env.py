"""Runs revisions over an async connection; the URL comes from `shared.adapters.database.migrate`, not from a file.

Each revision has a transaction of its own, and holds no lock for long, so services may write meanwhile.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from shared.adapters.database.connector import Connector
from shared.adapters.database.migrations import LOCK_TIMEOUT, OLDEST_PROGRAM, patiently
from shared.adapters.database.roles import grant

# An arbitrary number: no other program uses it as an advisory lock on this database.
_MIGRATION_LOCK: Final = 0x50524543
_LOCK_PAUSE: Final = 0.1
_NOTE: Final = f"COMMENT ON TABLE alembic_version IS '{OLDEST_PROGRAM}'"


def _run(connection: Connection) -> None:
    with _alone(connection):
        patiently(lambda: _run_revisions(connection), on_conflict=connection.rollback)


def _run_revisions(connection: Connection) -> None:
    context.configure(
        connection=connection,
        transaction_per_migration=True,
        on_version_apply=_note_oldest_program,
    )
    with context.begin_transaction():
        context.run_migrations()
    if context.get_context().get_current_revision() == context.get_head_revision():
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        connection.exec_driver_sql(_NOTE)  # what writes nothing waits for no disk
        grant(connection)
    connection.commit()


def _note_oldest_program(ctx: MigrationContext, *_: Any, **__: Any) -> None:
    assert ctx.connection is not None
    ctx.connection.exec_driver_sql(_NOTE)


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Wait until no other upgrade runs, which then finds nothing to do, and prepare the session."""
    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    # A crash may undo the latest revisions, which are then run again. The last commit waits for the disk.
    connection.exec_driver_sql("SET synchronous_commit = off")
    # Not a waiting pg_advisory_lock(): an index that is created concurrently would wait for its snapshot without end.
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_MIGRATION_LOCK})").scalar():
        connection.commit()
        time.sleep(_LOCK_PAUSE)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})")
        connection.commit()


async def _connect_and_run() -> None:
    connector = Connector(context.config.attributes["url"])
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connector.connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_connect_and_run())
