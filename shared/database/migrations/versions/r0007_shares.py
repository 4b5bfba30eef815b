"""Add turns by key and then by address, canonical suppressions, and the recipients that a key may mail.

Revision ID: 0007
Revises: 0006
"""

from alembic import op
from sqlalchemy import text

from shared.addresses import canonical
from shared.database.migrations import create_indexes, run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_UPGRADE)
    create_indexes(
        "job_sender_new_idx ON job (sender, owner, place) WHERE status = 'none-executed'",
        "job_owner_idx ON job (owner, turn) WHERE status = 'none-executed'",
        "job_place_idx ON job (owner, place, id) WHERE status = 'none-executed'",
    )
    run(_PLACES)
    connection = op.get_bind()
    for (email,) in connection.execute(text("SELECT email FROM suppressions")).fetchall():
        connection.execute(
            text("UPDATE suppressions SET canonical = :canonical WHERE email = :email"),
            {"canonical": canonical(email), "email": email},
        )


def downgrade() -> None:
    run(_DOWNGRADE)


_UPGRADE = """
ALTER TABLE job
    ADD COLUMN IF NOT EXISTS owner bigint NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS place bigint NOT NULL DEFAULT 0;
ALTER TABLE suppressions ADD COLUMN IF NOT EXISTS canonical text;
CREATE INDEX IF NOT EXISTS suppressions_canonical_idx ON suppressions (canonical);
-- The API may write a row, but not its scopes: such a row opens nothing.
ALTER TABLE api_keys
    ADD COLUMN IF NOT EXISTS recipients text[],
    ALTER COLUMN scopes SET DEFAULT '{}'
"""

# A waiting job's turn was its place among its sender's jobs. That becomes its place within the share of its key, and
# its turn is its rank among the key's jobs. The previous release finds a sender's jobs by the new index, too.
_PLACES = """
UPDATE job SET owner = ranked.owner, place = job.turn, turn = ranked.rank
FROM (
    SELECT job.id, coalesce(uploads.owner, 0) AS owner,
        row_number() OVER (PARTITION BY coalesce(uploads.owner, 0) ORDER BY job.turn, job.id) - 1 AS rank
    FROM job LEFT JOIN uploads ON uploads.id = job.upload WHERE job.status IN ('none-executed', 'executing')
) AS ranked
WHERE ranked.id = job.id;
DROP INDEX job_sender_idx;
ALTER INDEX job_sender_new_idx RENAME TO job_sender_idx
"""

_DOWNGRADE = """
ALTER TABLE api_keys
    DROP COLUMN recipients,
    ALTER COLUMN scopes DROP DEFAULT;
DROP INDEX suppressions_canonical_idx, job_place_idx, job_owner_idx, job_sender_idx;
ALTER TABLE suppressions DROP COLUMN canonical;
UPDATE job SET turn = place WHERE status IN ('none-executed', 'executing');
ALTER TABLE job DROP COLUMN place, DROP COLUMN owner;
CREATE INDEX job_sender_idx ON job (sender, turn) WHERE status = 'none-executed'
"""
