"""Index the source files of API v1, so that the cleaner finds those without a submission.

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


_UPGRADE = "CREATE INDEX uploads_source_idx ON uploads (object_key) WHERE object_key LIKE 'sources/%'"

_DOWNGRADE = "DROP INDEX uploads_source_idx"
