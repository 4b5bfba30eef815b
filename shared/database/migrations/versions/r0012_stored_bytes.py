"""Keep standard error that is not UTF-8, and index the source files, so that those without a submission are found.

Revision ID: 0012
Revises: 0011
"""

from shared.database.migrations import run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)


def downgrade() -> None:
    run(_DOWNGRADE)


_UPGRADE = """
ALTER TABLE results ADD COLUMN stderr_bytes bytea;
CREATE INDEX uploads_source_idx ON uploads (object_key) WHERE object_key LIKE 'sources/%'
"""

_DOWNGRADE = """
DROP INDEX uploads_source_idx;
ALTER TABLE results DROP COLUMN stderr_bytes
"""
