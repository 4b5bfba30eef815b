"""Notes in the database the oldest revision whose programs may use its schema.

A schema that is newer than a program cannot be judged by that program. So the migration that made the schema notes it,
as a comment that every role may read: an upgrade that only adds things leaves it as it was.
`shared.adapters.database.schema` reads it.
"""

from typing import Final

from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_FIRST: Final = "0001"


def oldest_program(script: ScriptDirectory, revision: str) -> str:
    """Return what the newest revision up to this one says that takes something away."""
    for revision_script in script.walk_revisions(head=revision):
        if oldest := getattr(revision_script.module, "oldest_program", None):
            return str(oldest)
    return _FIRST


def record(connection: Connection, script: ScriptDirectory, revision: str) -> None:
    oldest = oldest_program(script, revision)
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{oldest}'")
