"""Index the runs of a submission by their numbers.

Revision ID: 0016
Revises: 0015
"""

from shared.database.migrations import create_indexes, run

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_indexes("job_number_idx ON job (upload, number)")


def downgrade() -> None:
    run("DROP INDEX job_number_idx")
