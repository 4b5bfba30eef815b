"""Make what the first release of ours needs of the original's tables, and add its own.

Revision ID: 0005
Revises: 0001
"""

from shared.adapters.database.migrations import run, script

revision = "0005"
down_revision = "0001"
branch_labels = None
depends_on = None

# The one revision that is not made for running services: it writes whole tables again. The original is stopped first.


def upgrade() -> None:
    run(script("r0005_pipeline.sql")["tables"])
