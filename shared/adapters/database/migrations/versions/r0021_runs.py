"""Add what API v1, the front doors and the operator's page store; take turns by key; queue requests in the outbox.

The table `messages` stays for programs of revision 0005, which keep messages there if they have no RabbitMQ. Those that
wait are moved to the outbox. The reconciler makes the jobs of any that such a program adds meanwhile.

Revision ID: 0021
Revises: 0005
"""

from alembic import op
from sqlalchemy import text

from shared.adapters.database.migrations import create_indexes, run, run_online, script, update_in_batches
from shared.common.text.email_addresses import canonical

revision = "0021"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    parts = script("r0021_runs.sql")
    run_online(parts["tables"])
    run_online(parts["columns"])
    update_in_batches("uploads", parts["numbers"])
    update_in_batches("uploads", parts["outcomes"])
    update_in_batches("emails", parts["uploads_of_mails"])
    create_indexes(parts["indexes"])
    # The planner knows nothing about the values of an expression until the table is analysed.
    run_online(parts["validation"])
    _canonicalize_suppressions()
    run(parts["once"])


def _canonicalize_suppressions() -> None:
    connection = op.get_bind()
    for (email,) in connection.execute(text("SELECT email FROM suppressions")).fetchall():
        connection.execute(
            text("UPDATE suppressions SET canonical = :canonical WHERE email = :email"),
            {"canonical": canonical(email), "email": email},
        )
