"""Let a mail be uncertain: it was handed over several times, and the provider's answers were lost.

Revision ID: 0020
Revises: 0019
"""

from shared.database.migrations import create_indexes, run, run_online

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)
    run_online("ALTER TABLE emails VALIDATE CONSTRAINT emails_status_check")
    create_indexes(
        "emails_not_arrived_idx ON emails (updated_at, id)"
        " WHERE status IN ('refused', 'bounced', 'complained', 'uncertain')"
    )
    run("DROP INDEX emails_failed_idx")


_UPGRADE = """
ALTER TABLE emails DROP CONSTRAINT emails_status_check, ADD CONSTRAINT emails_status_check CHECK (status IN (
    'queued', 'sending', 'sent', 'delivered', 'deferred', 'bounced', 'complained', 'refused', 'suppressed',
    'uncertain')) NOT VALID
"""


def downgrade() -> None:
    run(_DOWNGRADE)


_DOWNGRADE = """
UPDATE emails SET status = 'refused' WHERE status = 'uncertain';
CREATE INDEX emails_failed_idx ON emails (updated_at, id) WHERE status IN ('refused', 'bounced', 'complained');
DROP INDEX emails_not_arrived_idx;
ALTER TABLE emails DROP CONSTRAINT emails_status_check;
ALTER TABLE emails ADD CONSTRAINT emails_status_check CHECK (status IN (
    'queued', 'sending', 'sent', 'delivered', 'deferred', 'bounced', 'complained', 'refused', 'suppressed'))
"""
