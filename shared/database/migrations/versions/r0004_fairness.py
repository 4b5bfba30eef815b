"""Add turns, which serve senders in rounds, and indexes for backlog, retention and reconciler.

Revision ID: 0004
Revises: 0003
"""

from shared.database.migrations import create_indexes, run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)
    create_indexes(
        "job_turn_idx ON job (turn, id) WHERE status = 'none-executed'",
        "job_sender_idx ON job (sender, turn) WHERE status = 'none-executed'",
        "uploads_pending_idx ON uploads (requested_at) WHERE request_id IS NOT NULL",
        "uploads_created_idx ON uploads (created_at)",
    )
    run("UPDATE uploads SET requested_at = now() WHERE request_id IS NOT NULL AND requested_at IS NULL")


# Jobs that already wait have turn 0 and no sender: they go first, in their order.
_UPGRADE = """
ALTER TABLE job
    ADD COLUMN IF NOT EXISTS sender text,
    ADD COLUMN IF NOT EXISTS turn bigint NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN IF NOT EXISTS requested_at timestamptz
"""
