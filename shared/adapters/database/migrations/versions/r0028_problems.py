"""Add problems with their checks, what judges say, files of Jobe's clients, sources in rows, and budgets of keys.

Points are NULL if a judge failed. Programs of revision 0021 never name the new tables and columns, and give each key
the same budget. They take a source that is in its row for a missing file, so consumers and runners are replaced before
the API (docs/adr/0037).

Revision ID: 0028
Revises: 0021
"""

from shared.adapters.database.migrations import create_indexes, run_online, script

revision = "0028"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    parts = script("r0028_problems.sql")
    run_online(parts["tables"])
    create_indexes(parts["indexes"])
    run_online(parts["validation"])
