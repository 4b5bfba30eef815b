"""Keep with a mail the files that are attached to it.

Revision ID: 0013
Revises: 0012
"""

from shared.database.migrations import run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("ALTER TABLE emails ADD COLUMN attachments jsonb")


def downgrade() -> None:
    run("ALTER TABLE emails DROP COLUMN attachments")
