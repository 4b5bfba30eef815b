"""The rows of `emails`, and their leases. The protocol is that of jobs (`job_runner.leases.claim`), except for expired
leases.

A sender whose lease expired may be alive: after an outage of the database, it records the mail that it has sent. So the
first claim that sees the mail only takes the lease away, and one that comes `GRACE_SECONDS` later takes the mail. Until
then its sender may `extend` the lease, and goes on.

A mail whose sender died is a suspect, and is sent alone, between batches of the other mails. Nobody knows whether it
has left; nor is that known if the provider's answer was lost. `crashes` counts both, and after `MAX_COPIES` the mail
is `uncertain`, and sent no more.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from job_runner.emails.mailers.base import Email
from job_runner.emails.texts.templating import RenderedEmail
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection
from shared.common.service.logging import get_logger
from shared.common.text.strip_nul import strip_nul
from shared.records.mail.suppressions import suppressed
from shared.records.messages.translations import SOURCE_LOCALE
from shared.records.resources.states import MailKind, MailState

log = get_logger(__name__)

#: The most copies of a mail that may have left. There are some, because giving up a mail may lose a result.
MAX_COPIES: Final = 5
#: Seconds in which a sender reaches the database again once another one does. A host that is gone takes 5 of them.
GRACE_SECONDS: Final = 10.0
_OF_EMAIL: Final = ("recipient", "subject", "text", "html", "message_id", "locale")


_ADD: Final = """
    INSERT INTO emails (kind, batch, recipient, status, last_error, subject, text, html, message_id, locale,
        attachments)
    VALUES (:kind, :batch, :recipient, :status, :last_error, :subject, :text, :html, :message_id, :locale,
        CAST(:attachments AS jsonb))
"""


async def add_of_batch(
    connection: Connection, kind: MailKind, batch: int, mails: Sequence[tuple[str, str, Callable[[], RenderedEmail]]]
) -> None:
    """Add mails about a batch, each of a recipient, a locale and what renders it. They are sent after the commit."""
    rows = [
        {"kind": kind, "batch": batch, "recipient": recipient, "locale": locale, **_columns(batch, render)}
        for recipient, locale, render in mails
    ]
    await connection.fetch_each(_ADD, rows)
    if mails:
        await connection.notify(channels.EMAILS)


def _columns(batch: int, render: Callable[[], RenderedEmail]) -> dict[str, str | None]:
    try:
        return {"status": MailState.QUEUED, "last_error": None, **render().columns}
    except Exception as exc:
        # A defect of ours. Without this, the batch would never end, and be the first again at every look.
        log.exception("mail.not_rendered", batch=batch)
        nothing = dict.fromkeys(("subject", "text", "html", "message_id", "attachments"))
        return {"status": MailState.REFUSED, "last_error": f"an internal error ({type(exc).__name__})", **nothing}


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """A mail under our lease, which ends at `lease_ends` (`time.monotonic`) unless it is extended.

    `attempt` counts this try (from 1), and `crashes` the earlier ones after which the mail may have left.

    A mail is `suppressed` if its recipient wants no mails. It is about `upload`, or about `batch`, or about an upload
    of that batch. `attachments` is JSON text (`StoredAttachment`).
    """

    id: int
    job: int | None
    attempt: int
    lease_id: UUID
    lease_ends: float
    suppressed: bool
    email: Email
    crashes: int = 0
    upload: int | None = None
    batch: int | None = None
    attachments: str | None = None


async def claim(
    connection: Connection, *, limit: int, lease_seconds: float, suspects: bool = True, is_probe: bool = False
) -> list[ClaimedEmail]:
    """Take up to `limit` due mails under new leases.

    A mail whose sender died is taken first, and alone, unless there shall be no `suspects`. A probe takes those that
    were tried least, the newest first: so no mail that only fails for itself holds the others up.
    """
    lease_ends = time.monotonic() + lease_seconds  # before the database's, which counts from the statement
    rows = await connection.fetch_all(
        f"""
        WITH expired AS MATERIALIZED (
            SELECT id FROM emails WHERE status = 'sending' AND lease_expires_at < now() AND lease_id IS NOT NULL
            ORDER BY lease_expires_at FOR UPDATE SKIP LOCKED
        ), suspected AS (
            UPDATE emails SET lease_id = NULL, lease_expires_at = now() + make_interval(secs => {GRACE_SECONDS})
            FROM expired WHERE emails.id = expired.id
        ), abandoned AS MATERIALIZED (
            SELECT id FROM emails
            WHERE status = 'sending' AND lease_expires_at < now() AND lease_id IS NULL AND :suspects
            ORDER BY lease_expires_at LIMIT 1 FOR UPDATE SKIP LOCKED
        ), due AS MATERIALIZED (
            SELECT id FROM emails
            WHERE status = 'queued' AND run_after <= now() AND message_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM abandoned)
            ORDER BY {"attempt, id DESC" if is_probe else "run_after, id"} LIMIT :limit FOR UPDATE SKIP LOCKED
        ), taken AS (
            SELECT id, 0 AS died FROM due UNION ALL SELECT id, 1 FROM abandoned
        )
        UPDATE emails SET status = 'sending', updated_at = now(), attempt = attempt + 1, crashes = crashes + died,
            lease_id = gen_random_uuid(), lease_expires_at = now() + make_interval(secs => :lease_seconds)
        FROM taken WHERE emails.id = taken.id
        RETURNING emails.id, job, crashes, attempt, lease_id, recipient, subject, text, html,
            message_id, coalesce(locale, '{SOURCE_LOCALE}') AS locale, upload, CAST(attachments AS text) AS attachments,
            coalesce(batch, (SELECT uploads.batch FROM uploads WHERE uploads.id = emails.upload)) AS batch
        """,  # noqa: S608  (constants)
        {"limit": limit, "suspects": suspects, "lease_seconds": lease_seconds},
    )
    # Checked now, because the recipient may have unsubscribed since the mail was written.
    unwanted = await suppressed(connection, {row["recipient"] for row in rows}) if rows else set()
    claimed = []
    for row in map(dict, rows):
        email = Email(**{name: row.pop(name) for name in _OF_EMAIL})
        claimed.append(ClaimedEmail(**row, lease_ends=lease_ends, suppressed=email.recipient in unwanted, email=email))
    return claimed


async def extend(connection: Connection, mail: ClaimedEmail, *, lease_seconds: float) -> bool:
    """Let the lease end `lease_seconds` from now. Return False if the mail was claimed again or has ended.

    A lease that was only taken away comes back: nobody else has claimed the mail while its `attempt` is the same.
    """
    row = await connection.fetch_one(
        "UPDATE emails SET lease_id = :lease_id, lease_expires_at = now() + make_interval(secs => :lease_seconds)"
        " WHERE id = :id AND attempt = :attempt AND status = 'sending' AND coalesce(lease_id, :lease_id) = :lease_id"
        " RETURNING id",
        {"id": mail.id, "attempt": mail.attempt, "lease_id": mail.lease_id, "lease_seconds": lease_seconds},
    )
    return row is not None


async def next_due(connection: Connection) -> tuple[float, bool]:
    """Return the seconds until a mail can be claimed, infinity without one, and True if one waits to be rendered."""
    [row] = await connection.fetch_all(
        "SELECT coalesce(CAST(extract(epoch FROM least("
        "(SELECT min(run_after) FROM emails WHERE status = 'queued' AND message_id IS NOT NULL),"
        " (SELECT min(lease_expires_at) FROM emails WHERE status = 'sending')) - now()) AS float8), 'Infinity')"
        " AS seconds, EXISTS (SELECT FROM emails WHERE status = 'queued' AND message_id IS NULL) AS is_pending"
    )
    return row["seconds"], row["is_pending"]


async def mark_sent(connection: Connection, sent: Sequence[tuple[int, str]]) -> None:
    """Mark mails as sent, by their ids, each with the provider's id.

    Not fenced by the lease: the mail has left, so another sender that has claimed it since must not send it again.
    """
    await connection.execute(
        """
        WITH sent AS MATERIALIZED (
            SELECT emails.id, accepted.provider_id
            FROM emails JOIN (
                SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:provider_ids AS text[])) AS each (id, provider_id)
                -- This limit removes no row. It tells the planner that there are few, so one plan serves all calls.
                LIMIT :count
            ) AS accepted ON accepted.id = emails.id
            WHERE status IN ('queued', 'sending') ORDER BY emails.id FOR NO KEY UPDATE OF emails
        )
        UPDATE emails SET status = 'sent', provider_id = sent.provider_id, sent_at = now(), updated_at = now(),
            last_error = NULL, lease_id = NULL, lease_expires_at = NULL
        FROM sent WHERE emails.id = sent.id
        """,
        {
            "ids": [mail for mail, _ in sent],
            "provider_ids": [strip_nul(provider_id) for _, provider_id in sent],
            "count": len(sent),
        },
    )


async def end(connection: Connection, lease_id: UUID, state: MailState, error: str | None = None) -> None:
    """Mark a mail that is sent no more: it is refused, suppressed or uncertain."""
    change = "status = :state, last_error = coalesce(CAST(:error AS text), last_error)"
    await _write(connection, lease_id, change, state=state, error=error and strip_nul(error))


async def retry_later(
    connection: Connection, lease_id: UUID, *, delay: float, error: str, uncertain: bool = False
) -> None:
    """Queue a mail again, due in `delay` seconds. It is `uncertain` if it may have left."""
    change = (
        "status = 'queued', last_error = :error, run_after = now() + make_interval(secs => :delay),"
        " crashes = crashes + CAST(:copies AS integer)"
    )
    await _write(connection, lease_id, change, delay=delay, error=strip_nul(error), copies=int(uncertain))


async def bring_forward(connection: Connection, ids: Collection[int]) -> None:
    """Let these mails be due now, if they wait."""
    await connection.execute(
        """
        WITH waiting AS MATERIALIZED (
            SELECT id FROM emails WHERE id = ANY(:ids) AND status = 'queued' AND run_after > now()
            ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE emails SET run_after = now() FROM waiting WHERE emails.id = waiting.id
        """,
        {"ids": list(ids)},
    )


async def _write(connection: Connection, lease_id: UUID, change: str, **values: object) -> None:
    """Write a mail and end its lease, unless the lease is lost."""
    await connection.execute(
        f"UPDATE emails SET {change}, updated_at = now(), lease_id = NULL, lease_expires_at = NULL"  # noqa: S608
        " WHERE lease_id = :lease_id AND status = 'sending'",
        {"lease_id": lease_id, **values},
    )
