"""Index the kept answers by the submission or batch that they are about, whose deletion takes them away.

Revision ID: 0021
Revises: 0020
"""

from shared.database.migrations import create_indexes, run

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_indexes(
        "idempotency_keys_resource_idx ON idempotency_keys"
        " (substring(path || '/' || CAST(made AS text), '^(/v1/(submissions|batches)/[0-9]+)'))"
    )


def downgrade() -> None:
    run("DROP INDEX idempotency_keys_resource_idx")
