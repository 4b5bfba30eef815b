"""Add the column that holds a short source of API v1, in place of an object in the store.

Programs from before 1.0.0 take such a submission for one whose file is missing. So their consumers and runners are
replaced before the API (docs/adr/0037).

Revision ID: 0028
Revises: 0027
"""

from shared.adapters.database.migrations import run_online

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online("ALTER TABLE uploads ADD COLUMN IF NOT EXISTS content bytea")
