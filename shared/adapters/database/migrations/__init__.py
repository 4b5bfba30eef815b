"""Alembic revisions. 0001 is the original system's schema, the later ones are ours. There is no way down.

The statements of a revision are in the SQL file of its name, if they are many.

From 0021 on, a revision runs while services of the previous release write (ADR 37). So it has up to three parts:

1. `run`: changes that lock a table for a moment only. They may run twice, because the next part commits them.
2. `create_indexes`, `run_online`, `update_in_batches`: long work that stops no writer. It may run twice, too.
3. `run`: what may run only once. It is committed together with the number of the revision.

A revision that takes something away does so in its last part, and `OLDEST_PROGRAM` becomes the first revision whose
programs can do without it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Final, TypeVar

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.common.service.errors import DatabaseConflict

T = TypeVar("T")

#: The oldest revision whose programs may use the schema. A program cannot judge a schema that is newer, so the upgrade
#: notes this in the database, as a comment that every role may read (`shared.adapters.database.schema`).
OLDEST_PROGRAM: Final = "0001"
#: How long a statement of a revision waits for a lock. Writers queue behind it as long.
_LOCK_TIMEOUT_S: Final = 0.5
LOCK_TIMEOUT: Final = f"{_LOCK_TIMEOUT_S * 1000:.0f}ms"
#: Seconds of waiting in which a lock must be had. Services end transactions that are idle for 60 s.
_PATIENCE: Final = 300.0
_PAUSE: Final = 1.0
#: lock_not_available and deadlock_detected.
_CONFLICTS: Final = ("55P03", "40P01")
#: Rows that are locked at once.
_BATCH: Final = 2000


def script(name: str) -> dict[str, str]:
    """Return the parts of an SQL file that lies beside the revisions, by the names in its lines `-- part NAME`."""
    _, *parts = (resources.files(__name__) / "versions" / name).read_text("utf-8").split("-- part ")
    return {part.partition("\n")[0]: part.partition("\n")[2].rstrip(";\n") for part in parts}


def run(script: str) -> None:
    """Run the statements of a script one by one, as the driver requires. Each ends with `;` at the end of a line."""
    for statement in script.split(";\n"):
        op.execute(statement)


def run_online(script: str) -> None:
    """Run each statement of a script in a transaction of its own, so that its locks end with it."""
    with op.get_context().autocommit_block():
        for statement in script.split(";\n"):
            patiently(lambda statement=statement: op.execute(statement))  # type: ignore[misc]


def create_indexes(script: str) -> None:
    """Create the indexes of a script while others write, each from a part `name ON table ...`."""
    with op.get_context().autocommit_block(), _waiting_for_readers():
        for definition in script.split(";\n"):
            name = definition.split()[0]
            if _is_invalid(name):  # an earlier attempt was interrupted
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {definition}")


def update_in_batches(table: str, statement: str) -> None:
    """Run an UPDATE for all rows of a table, a few at a time: those with `id > :low AND id <= :high`."""
    last = text(
        f"SELECT max(id) FROM (SELECT id FROM {table} WHERE id > :low ORDER BY id LIMIT {_BATCH}) AS batch"  # noqa: S608
    )
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        low = -(2**63)
        while (high := connection.execute(last, {"low": low}).scalar()) is not None:
            bounds = {"low": low, "high": high}
            patiently(lambda bounds=bounds: connection.execute(text(statement), bounds))  # type: ignore[misc]
            low = high


def patiently(action: Callable[[], T], *, on_conflict: Callable[[], None] = lambda: None) -> T:
    """Return what `action` returns. Repeat it while a lock is not free, with pauses in which the others go on."""
    waited = 0.0  # for locks; the work itself may take any time
    while True:
        try:
            return action()
        except DBAPIError as exc:
            if getattr(exc.orig, "sqlstate", None) not in _CONFLICTS:
                raise
            if waited > _PATIENCE:
                raise DatabaseConflict(
                    f"the schema was not upgraded, because other transactions kept their locks for {_PATIENCE:g} s:"
                    " end the long ones (pg_stat_activity), and migrate again"
                ) from exc
        on_conflict()
        time.sleep(_PAUSE)
        waited += _PAUSE + _LOCK_TIMEOUT_S


@contextmanager
def _waiting_for_readers() -> Iterator[None]:
    """Lift the limit of waits for locks. A concurrent index waits for older transactions, and stops no writer."""
    op.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def _is_invalid(index: str) -> bool:
    row = op.get_bind().execute(
        text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:index) AND NOT indisvalid"), {"index": index}
    )
    return row.scalar() is not None
