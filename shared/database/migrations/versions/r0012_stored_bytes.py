"""Keep standard error that is not UTF-8, and index the source files, so that those without a submission are found.

Revision ID: 0012
Revises: 0011
"""

from shared.database.migrations import create_indexes, run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("ALTER TABLE results ADD COLUMN IF NOT EXISTS stderr_bytes bytea")
    create_indexes("uploads_source_idx ON uploads (object_key) WHERE object_key LIKE 'sources/%'")


def downgrade() -> None:
    run(_DOWNGRADE)


_DOWNGRADE = """
DROP INDEX uploads_source_idx;
ALTER TABLE results DROP COLUMN stderr_bytes
"""
