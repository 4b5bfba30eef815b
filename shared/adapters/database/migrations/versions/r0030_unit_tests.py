"""Add the outcome of unit tests. One that was skipped has no verdict.

Revision ID: 0030
Revises: 0029
"""

from shared.adapters.database.migrations import run_online

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online("ALTER TABLE test_results ADD COLUMN IF NOT EXISTS outcome text, ALTER COLUMN verdict DROP NOT NULL")
