"""Add the outcome of unit tests, of which one that was skipped has no verdict, and the one address of a digest.

A runner of the previous release that finishes a batch with such an address sends no digest.

Revision ID: 0030
Revises: 0028
"""

from shared.adapters.database.migrations import run_online

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_online("ALTER TABLE test_results ADD COLUMN IF NOT EXISTS outcome text, ALTER COLUMN verdict DROP NOT NULL")
    run_online("ALTER TABLE batches ADD COLUMN IF NOT EXISTS digest_to text")
