"""Add what judges say about a run and about each test, whose points are NULL if its judge failed.

Programs of the previous release never name the new columns. They read points that are NULL as they read those of a test
that has not ended.

Revision ID: 0023
Revises: 0022
"""

from shared.adapters.database.migrations import run_online

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online(_COLUMNS)


_COLUMNS = """
ALTER TABLE results ADD COLUMN IF NOT EXISTS message text, ADD COLUMN IF NOT EXISTS judge_message text;
ALTER TABLE test_results ADD COLUMN IF NOT EXISTS message text, ADD COLUMN IF NOT EXISTS judge_message text,
    ALTER COLUMN points_awarded DROP NOT NULL
"""
