"""The lease protocol on `emails` rows; the same as that of jobs (`job_runner.claim`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from job_runner.mailers.base import Email
from shared.database import Connection
from shared.suppressions import suppressed


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """A mail under our lease; `attempt` counts this try, from 1. `suppressed`: its recipient wants none."""

    id: int
    job: int
    attempt: int
    lease_id: UUID
    suppressed: bool
    email: Email


async def claim(connection: Connection, *, limit: int, lease_seconds: float) -> list[ClaimedEmail]:
    """Take up to `limit` due mails, and those whose sender died."""
    rows = await connection.fetch_all(
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM emails WHERE status = 'queued' AND run_after <= now()
            ORDER BY run_after, id LIMIT :limit FOR UPDATE SKIP LOCKED
        ), abandoned AS MATERIALIZED (
            SELECT id FROM emails WHERE status = 'sending' AND lease_expires_at < now()
            ORDER BY lease_expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
        )
        UPDATE emails SET status = 'sending', attempt = attempt + 1, lease_id = gen_random_uuid(),
            lease_expires_at = now() + make_interval(secs => :lease_seconds)
        FROM (SELECT id FROM due UNION ALL SELECT id FROM abandoned) AS taken WHERE emails.id = taken.id
        RETURNING emails.id, job, attempt, lease_id, recipient, subject, text, html, message_id
        """,
        {"limit": limit, "lease_seconds": lease_seconds},
    )
    # Looked at now, not when the mail was written: its recipient may have unsubscribed since.
    unwanted = await suppressed(connection, {r["recipient"] for r in rows}) if rows else set()
    return [
        ClaimedEmail(
            r["id"],
            r["job"],
            r["attempt"],
            r["lease_id"],
            r["recipient"] in unwanted,
            Email(r["recipient"], r["subject"], r["text"], r["html"], r["message_id"]),
        )
        for r in rows
    ]


async def seconds_until_due(connection: Connection) -> float | None:
    """How long until a mail can be claimed, 0 when one can; None when none waits."""
    row = await connection.fetch_one(
        "SELECT extract(epoch FROM least((SELECT min(run_after) FROM emails WHERE status = 'queued'),"
        " (SELECT min(lease_expires_at) FROM emails WHERE status = 'sending')) - now()) AS seconds"
    )
    return max(0.0, float(row["seconds"])) if row and row["seconds"] is not None else None


async def mark_sent(connection: Connection, sent: Sequence[tuple[int, str]]) -> None:
    """Mails by their ids, each with the provider's. A fact, whoever holds the lease by now: it takes the mail from a
    sender that was about to send it again.
    """
    await connection.execute(
        "UPDATE emails SET status = 'sent', provider_id = sent.provider_id, sent_at = now(), last_error = NULL,"
        " lease_id = NULL, lease_expires_at = NULL"
        " FROM unnest(CAST(:ids AS bigint[]), CAST(:provider_ids AS text[])) AS sent (id, provider_id)"
        " WHERE emails.id = sent.id AND status IN ('queued', 'sending')",
        {"ids": [mail for mail, _ in sent], "provider_ids": [provider_id for _, provider_id in sent]},
    )


async def mark_refused(connection: Connection, lease_id: UUID, error: str) -> None:
    """The end of a mail that its provider will never deliver."""
    await connection.execute(
        "UPDATE emails SET status = 'refused', last_error = :error, lease_id = NULL, lease_expires_at = NULL"
        " WHERE lease_id = :lease_id AND status = 'sending'",
        {"lease_id": lease_id, "error": error},
    )


async def mark_suppressed(connection: Connection, lease_id: UUID) -> None:
    """The end of a mail whose recipient asked for none."""
    await connection.execute(
        "UPDATE emails SET status = 'suppressed', lease_id = NULL, lease_expires_at = NULL"
        " WHERE lease_id = :lease_id AND status = 'sending'",
        {"lease_id": lease_id},
    )


async def retry_later(connection: Connection, lease_id: UUID, *, delay: float, error: str | None) -> None:
    """Queue it again, due in `delay` seconds."""
    await connection.execute(
        "UPDATE emails SET status = 'queued', last_error = :error, run_after = now() + make_interval(secs => :delay),"
        " lease_id = NULL, lease_expires_at = NULL WHERE lease_id = :lease_id AND status = 'sending'",
        {"lease_id": lease_id, "delay": delay, "error": error},
    )
