"""Count the consumers that stopped over a request, and index the lists and the backlog of one key.

Revision ID: 0008
Revises: 0007
"""

from shared.database.migrations import create_indexes, run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("ALTER TABLE uploads ADD COLUMN IF NOT EXISTS stopped_consumers integer NOT NULL DEFAULT 0")
    create_indexes(
        "uploads_owner_idx ON uploads (owner, email, id)",
        "uploads_waiting_idx ON uploads (owner) WHERE request_id IS NOT NULL",
    )


def downgrade() -> None:
    run(_DOWNGRADE)


_DOWNGRADE = """
DROP INDEX uploads_waiting_idx, uploads_owner_idx;
ALTER TABLE uploads DROP COLUMN stopped_consumers
"""
