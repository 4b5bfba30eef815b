"""Add what the operator's page stores: its figures over time and its sessions; indexes for what it lists.

Revision ID: 0014
Revises: 0013
"""

from shared.database.migrations import create_indexes, run

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_indexes(
        "job_finished_idx ON job (finished_at) WHERE finished_at IS NOT NULL",
        "job_failed_idx ON job (finished_at, id) WHERE status = 'failed'",
        "emails_ended_idx ON emails (updated_at) WHERE status NOT IN ('queued', 'sending')",
        "emails_failed_idx ON emails (updated_at, id) WHERE status IN ('refused', 'bounced', 'complained')",
    )
    run(_UPGRADE)


def downgrade() -> None:
    run(_DOWNGRADE)


# The policies restrict only `precieux_api`, which `shared.database.roles` limits further: see there.
_UPGRADE = """
CREATE TABLE series (
    minute timestamptz CONSTRAINT series_pkey PRIMARY KEY,
    figures jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE sessions (
    sha256 text CONSTRAINT sessions_pkey PRIMARY KEY,
    key_sha256 text,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON api_keys USING (true)
"""

_DOWNGRADE = """
DROP POLICY everything ON api_keys;
ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY;
DROP INDEX job_finished_idx, job_failed_idx, emails_ended_idx, emails_failed_idx;
DROP TABLE sessions, series
"""
