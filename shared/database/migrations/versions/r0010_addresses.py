"""Index submissions by their address in lower case, in which they are looked up.

Revision ID: 0010
Revises: 0009
"""

from shared.database.migrations import run

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)


def downgrade() -> None:
    run(_DOWNGRADE)


# The planner knows nothing about the values of an expression until the table is analysed.
_UPGRADE = """
DROP INDEX uploads_email_idx, uploads_owner_idx;
CREATE INDEX uploads_email_idx ON uploads (lower(email), id);
CREATE INDEX uploads_owner_idx ON uploads (owner, lower(email), id);
ANALYZE uploads
"""

_DOWNGRADE = """
DROP INDEX uploads_email_idx, uploads_owner_idx;
CREATE INDEX uploads_email_idx ON uploads (email, id);
CREATE INDEX uploads_owner_idx ON uploads (owner, email, id)
"""
