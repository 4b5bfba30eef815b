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
    create_indexes(
        "emails_upload_idx ON emails (upload, id)",
        "emails_batch_idx ON emails (batch, id) WHERE batch IS NOT NULL",
        "emails_ordered_idx ON emails (id) WHERE status = 'queued' AND message_id IS NULL",
        "emails_ended_idx ON emails (updated_at) WHERE status NOT IN ('queued', 'sending')",
        "emails_not_arrived_idx ON emails (updated_at, id)"
        " WHERE status IN ('refused', 'bounced', 'complained', 'uncertain')",
        "job_sender_new_idx ON job (sender, owner, place) WHERE status = 'none-executed'",
        "job_owner_idx ON job (owner, turn) WHERE status = 'none-executed'",
        "job_place_idx ON job (owner, place, id) WHERE status = 'none-executed'",
        "job_suspect_idx ON job (turn, id)"
        " WHERE crashes > 0 AND stop_reason IS NULL AND status IN ('none-executed', 'executing')",
        "job_crashed_idx ON job (crashed_at) WHERE crashes > 0",
        "job_finished_idx ON job (finished_at) WHERE finished_at IS NOT NULL",
        "job_failed_idx ON job (finished_at, id) WHERE status = 'failed'",
        "job_number_idx ON job (upload, number)",
        "uploads_email_new_idx ON uploads (lower(email), id)",
        "uploads_created_new_idx ON uploads (created_at, id)",
        "uploads_owner_idx ON uploads (owner, lower(email), id)",
        "uploads_waiting_idx ON uploads (owner) WHERE request_id IS NOT NULL",
        "uploads_newest_idx ON uploads (owner, created_at, id)",
        "uploads_address_idx ON uploads (owner, lower(email), created_at, id)",
        "uploads_outcome_idx ON uploads (owner, outcome, verdict, created_at, id)",
        "uploads_metadata_idx ON uploads USING gin (metadata jsonb_path_ops) WHERE metadata IS NOT NULL",
        "uploads_batch_idx ON uploads (batch, id) WHERE batch IS NOT NULL",
        "uploads_source_idx ON uploads (object_key) WHERE object_key LIKE 'sources/%'",
    )
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
