"""Drop the table `quarantine`, which databases from the time before the first release have, and no program reads.

Revision ID: 0022
Revises: 0021
"""

from shared.adapters.database.migrations import run

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("DROP TABLE IF EXISTS quarantine")
