"""Add the column of the one address that gets a digest of a whole batch.

A runner of the previous release that finishes such a batch sends no digest.

Revision ID: 0029
Revises: 0028
"""

from shared.adapters.database.migrations import run_online

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online("ALTER TABLE batches ADD COLUMN IF NOT EXISTS digest_to text")
