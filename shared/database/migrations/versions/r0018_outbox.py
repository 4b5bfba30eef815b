"""Let the consumer take rows of the outbox itself, and keep there those that can make no job.

The table `messages` stays for the previous release, which keeps messages there if it has no RabbitMQ. Those that wait
are moved to the outbox. The reconciler makes the jobs of any that the previous release adds meanwhile.

Revision ID: 0018
Revises: 0017
"""

from shared.database.migrations import run

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        """
        ALTER TABLE outbox ADD COLUMN attempt integer NOT NULL DEFAULT 0, ADD COLUMN run_after timestamptz,
            ADD COLUMN failure text, ADD COLUMN failed_at timestamptz;
        WITH moved AS (DELETE FROM messages RETURNING *)
        INSERT INTO outbox (queue, body, headers, created_at, failure, failed_at)
        SELECT 'emails', encode(body, 'escape'), jsonb_build_object('message_id', message_id), created_at,
            CASE WHEN queue <> 'emails' THEN coalesce(headers ->> 'reason', 'unknown') END,
            CASE WHEN queue <> 'emails' THEN visible_at END
        FROM moved ORDER BY id
        """
    )


def downgrade() -> None:
    run(
        """
        INSERT INTO messages (queue, body, message_id, headers, created_at, visible_at)
        SELECT 'emails.dead', convert_to(body, 'UTF8'), headers ->> 'message_id',
            jsonb_build_object('reason', failure), created_at, failed_at
        FROM outbox WHERE failure IS NOT NULL ORDER BY id;
        DELETE FROM outbox WHERE failure IS NOT NULL;
        ALTER TABLE outbox DROP COLUMN attempt, DROP COLUMN run_after, DROP COLUMN failure, DROP COLUMN failed_at
        """
    )
