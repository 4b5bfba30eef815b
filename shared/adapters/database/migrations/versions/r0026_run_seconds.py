"""Add the budget of run time that a key may have of its own.

Programs of the previous release give such a key the budget of all others.

Revision ID: 0026
Revises: 0025
"""

from shared.adapters.database.migrations import run_online

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online("ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS run_seconds bigint")
