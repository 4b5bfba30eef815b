"""Jobs that are not to be run: an operator cancelled them, or no way was found to make them runnable.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE job ADD COLUMN stop_reason text")


def downgrade() -> None:
    # The previous code knows no job that must not run; it would mail a result that nobody waits for.
    op.execute(
        "UPDATE job SET status = 'failed', finished_at = now(), lease_id = NULL, lease_expires_at = NULL"
        " WHERE stop_reason IS NOT NULL AND status IN ('none-executed', 'executing')"
    )
    op.execute("ALTER TABLE job DROP COLUMN stop_reason")
