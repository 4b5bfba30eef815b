"""Keep with a result the files that its program wrote to `out/`.

Revision ID: 0017
Revises: 0016
"""

from shared.database.migrations import run

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("ALTER TABLE results ADD COLUMN artifacts jsonb, ADD COLUMN artifacts_left_out jsonb")


def downgrade() -> None:
    run("ALTER TABLE results DROP COLUMN artifacts, DROP COLUMN artifacts_left_out")
