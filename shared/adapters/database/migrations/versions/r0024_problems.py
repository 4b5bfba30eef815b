"""Add problems: their versions, the objects of these, and who was submitted to which.

Revision ID: 0024
Revises: 0023
"""

from shared.adapters.database.migrations import create_indexes, run_online, script

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    parts = script("r0024_problems.sql")
    run_online(parts["tables"])
    create_indexes("uploads_problem_idx ON uploads (problem_version, created_at, id) WHERE problem_version IS NOT NULL")
    run_online(parts["validation"])
