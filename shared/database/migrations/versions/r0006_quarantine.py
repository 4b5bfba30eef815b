"""Count how often a job or a mail was interrupted, and keep the sources in quarantine.

Revision ID: 0006
Revises: 0005
"""

from shared.database.migrations import create_indexes, run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)
    create_indexes(
        "job_suspect_idx ON job (turn, id)"
        " WHERE crashes > 0 AND stop_reason IS NULL AND status IN ('none-executed', 'executing')"
    )


def downgrade() -> None:
    run(_DOWNGRADE)


_UPGRADE = """
ALTER TABLE job
    ADD COLUMN IF NOT EXISTS crashes integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS crashed_at timestamptz;
ALTER TABLE emails ADD COLUMN IF NOT EXISTS crashes integer NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS quarantine (
    sha256 text PRIMARY KEY,
    language text,
    reason text NOT NULL,
    job bigint NOT NULL,
    crashes integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""

_DOWNGRADE = """
DROP TABLE quarantine;
ALTER TABLE emails DROP COLUMN crashes;
DROP INDEX job_suspect_idx;
ALTER TABLE job DROP COLUMN crashed_at, DROP COLUMN crashes
"""
