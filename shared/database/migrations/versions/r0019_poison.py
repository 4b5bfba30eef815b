"""Index the jobs that were interrupted in the last hour, by which the pause between two runs alone grows.

The previous release still reads `quarantine`, so the table stays for now.

Revision ID: 0019
Revises: 0018
"""

from shared.database.migrations import create_indexes, run

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_indexes("job_crashed_idx ON job (crashed_at) WHERE crashes > 0")


def downgrade() -> None:
    run("DROP INDEX job_crashed_idx")
