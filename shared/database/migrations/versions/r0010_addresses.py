"""Index submissions by their address in lower case, in which they are looked up.

Revision ID: 0010
Revises: 0009
"""

from shared.database.migrations import create_indexes, run, run_online

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_indexes(
        "uploads_email_new_idx ON uploads (lower(email), id)",
        "uploads_owner_new_idx ON uploads (owner, lower(email), id)",
    )
    # The planner knows nothing about the values of an expression until the table is analysed.
    run_online("ANALYZE uploads")
    run(_NAMES)


def downgrade() -> None:
    run(_DOWNGRADE)


_NAMES = """
DROP INDEX uploads_email_idx, uploads_owner_idx;
ALTER INDEX uploads_email_new_idx RENAME TO uploads_email_idx;
ALTER INDEX uploads_owner_new_idx RENAME TO uploads_owner_idx
"""

_DOWNGRADE = """
DROP INDEX uploads_email_idx, uploads_owner_idx;
CREATE INDEX uploads_email_idx ON uploads (email, id);
CREATE INDEX uploads_owner_idx ON uploads (owner, email, id)
"""
