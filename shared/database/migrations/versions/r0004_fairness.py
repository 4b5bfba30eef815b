"""Turns by which senders are served in rounds, and what backlog, retention and reconciling look up.

Revision ID: 0004
Revises: 0003
"""

from shared.database.migrations import run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)


def downgrade() -> None:
    run(_DOWNGRADE)


# Jobs that wait already have turn 0 and no sender: they go first, in their order.
_UPGRADE = """
ALTER TABLE job
    ADD COLUMN sender text,
    ADD COLUMN turn bigint NOT NULL DEFAULT 0;
CREATE INDEX job_turn_idx ON job (turn, id) WHERE status = 'none-executed';
CREATE INDEX job_sender_idx ON job (sender, turn) WHERE status = 'none-executed';
ALTER TABLE uploads ADD COLUMN requested_at timestamptz;
UPDATE uploads SET requested_at = now() WHERE request_id IS NOT NULL;
CREATE INDEX uploads_pending_idx ON uploads (requested_at) WHERE request_id IS NOT NULL;
CREATE INDEX uploads_created_idx ON uploads (created_at)
"""

_DOWNGRADE = """
DROP INDEX uploads_created_idx, uploads_pending_idx, job_sender_idx, job_turn_idx;
ALTER TABLE uploads DROP COLUMN requested_at;
ALTER TABLE job DROP COLUMN turn, DROP COLUMN sender
"""
