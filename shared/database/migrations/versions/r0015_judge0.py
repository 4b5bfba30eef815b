"""Add the submissions of Judge0's clients: their tokens, and what the clients asked for.

Revision ID: 0015
Revises: 0014
"""

from shared.database.migrations import run

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)


def downgrade() -> None:
    run(_DOWNGRADE)


_UPGRADE = """
CREATE TABLE judge0_submissions (
    upload bigint CONSTRAINT judge0_submissions_pkey PRIMARY KEY
        CONSTRAINT judge0_submissions_upload_fkey REFERENCES uploads (id) ON DELETE CASCADE,
    token uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT judge0_submissions_token_key UNIQUE,
    request jsonb NOT NULL
)
"""

_DOWNGRADE = "DROP TABLE judge0_submissions"
