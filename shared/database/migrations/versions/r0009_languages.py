"""Keep why a job failed, and which languages the engine has.

Revision ID: 0009
Revises: 0008
"""

from shared.database.migrations import run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)


def downgrade() -> None:
    run(_DOWNGRADE)


_UPGRADE = """
ALTER TABLE job ADD COLUMN failure text;
CREATE TABLE languages (code text PRIMARY KEY, info text NOT NULL, seen_at timestamptz NOT NULL)
"""

_DOWNGRADE = """
DROP TABLE languages;
ALTER TABLE job DROP COLUMN failure
"""
