"""Reads mails, and sends them again. Each function works in the caller's transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Record
from shared.common.service.errors import PrecieuxError
from shared.records.mail.suppressions import suppressed
from shared.records.resources.states import MailState

#: States of mails that may be sent again: not after a complaint, and a suppressed mail only if its address is allowed.
SENT_AGAIN: Final = (MailState.REFUSED, MailState.BOUNCED, MailState.SUPPRESSED, MailState.UNCERTAIN)
#: The most mails that are sent again at once.
_MAX_RESENT: Final = 100_000
#: A mail that says that there is no result takes the place of the result's, so both have the kind `result`.
KIND: Final = "CASE e.kind WHEN 'failure' THEN 'result' ELSE e.kind END AS kind"
_FIELDS: Final = f"""
    e.id, {KIND}, coalesce(e.recipient, u.email) AS recipient,
    e.status AS state, e.attempt AS attempts, e.upload AS submission, e.batch, e.created_at, e.updated_at
"""
_LIST: Final = f"""
    SELECT {_FIELDS}, e.last_error FROM emails e LEFT JOIN uploads u ON u.id = e.upload
    WHERE e.status = coalesce(CAST(:state AS text), e.status)
        AND (CAST(:email AS text) IS NULL OR lower(coalesce(e.recipient, u.email)) = lower(:email))
        AND e.updated_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
    ORDER BY e.id DESC LIMIT :limit
"""  # noqa: S608  (constants)
_FAILED: Final = f"""
    SELECT {_FIELDS}, e.last_error FROM emails e LEFT JOIN uploads u ON u.id = e.upload
    WHERE e.status IN ('refused', 'bounced', 'complained', 'uncertain')
    ORDER BY e.updated_at DESC, e.id DESC LIMIT :limit
"""  # noqa: S608
_DETAILS: Final = f"""
    SELECT {_FIELDS}, e.sent_at, e.run_after, e.last_error, e.job, e.crashes, e.locale, e.subject, e.message_id,
        e.provider_id, e.text, e.html,
        ARRAY(SELECT file ->> 'filename' FROM jsonb_array_elements(e.attachments) AS file) AS attachments
    FROM emails e LEFT JOIN uploads u ON u.id = e.upload WHERE e.id = :id
"""  # noqa: S608
# As a new mail: its attempts begin again. Its Message-ID stays, so that a receiver that has it drops the copy.
_SEND_AGAIN: Final = """
    WITH chosen AS MATERIALIZED (
        SELECT id FROM emails WHERE id = ANY(:ids) AND status = ANY(:states) ORDER BY id FOR UPDATE
    )
    UPDATE emails SET status = 'queued', attempt = 0, crashes = 0, run_after = now(), updated_at = now(),
        last_error = NULL
    FROM chosen WHERE emails.id = chosen.id RETURNING emails.id
"""
_LOCK: Final = """
    SELECT kind, job, upload, status, coalesce(e.recipient, u.email) AS recipient
    FROM emails e LEFT JOIN uploads u ON u.id = e.upload WHERE e.id = :id FOR NO KEY UPDATE OF e
"""
_SEND_NOW: Final = "UPDATE emails SET run_after = now(), updated_at = now() WHERE id = :id"
# The runner fills in the recipient, the texts and a new Message-ID.
_ORDER: Final = """
    INSERT INTO emails (job, kind, upload, locale)
    SELECT CAST(:job AS bigint), 'result', id, spec ->> 'locale' FROM uploads WHERE id = :upload
    RETURNING id, pg_notify(:channel, '')
"""


async def listed(
    connection: Connection,
    *,
    state: MailState | None = None,
    email: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return the latest mails, the newest first, without their texts; with `since`, those that changed after it."""
    rows = await connection.fetch_all(_LIST, {"state": state, "email": email, "since": since, "limit": limit})
    return [dict(row) for row in rows]


async def failed(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Return the latest mails that did not arrive, the newest first.

    If the recipient `is_suppressed`, a mail would not be sent again either.
    """
    return await _with_suppressions(connection, await connection.fetch_all(_FAILED, {"limit": limit}))


async def _with_suppressions(connection: Connection, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the mails with two more fields: `is_suppressed` and `may_be_sent_again`."""
    unwanted = await suppressed(connection, {row["recipient"] for row in rows if row["recipient"]})
    mails = [{**row, "is_suppressed": row["recipient"] in unwanted} for row in rows]
    return [{**mail, "may_be_sent_again": mail["state"] in SENT_AGAIN and not mail["is_suppressed"]} for mail in mails]


async def send_again(connection: Connection, ids: Collection[int]) -> list[int]:
    """Queue mails that did not arrive, or may not have, again, and return their ids. Leave others as they are."""
    rows = await connection.fetch_all(_SEND_AGAIN, {"ids": list(ids), "states": list(map(str, SENT_AGAIN))})
    await connection.notify(channels.EMAILS)
    return sorted(row["id"] for row in rows)


async def details(connection: Connection, mail_id: int) -> dict[str, Any]:
    """Return all fields of one mail, with its texts and the names of its files."""
    row = await connection.fetch_one(_DETAILS, {"id": mail_id})
    if row is None:
        raise _unknown(mail_id)
    return dict(row)


async def order(connection: Connection, *, job: int, upload: int) -> int:
    """Order one more mail of a stored result, and return its number."""
    return int(await connection.fetch_value(_ORDER, {"job": job, "upload": upload, "channel": channels.EMAILS}))


async def resend_all(
    connection: Connection, state: MailState, since: datetime, *, is_dry: bool = False
) -> list[dict[str, Any]]:
    """Queue all mails again that are in this state since a time, and return them. A dry look changes nothing."""
    rows = await _with_suppressions(connection, await listed(connection, state=state, since=since, limit=_MAX_RESENT))
    chosen = [row for row in rows if row["may_be_sent_again"]]
    if not is_dry:
        await send_again(connection, [row["id"] for row in chosen])
    return chosen


async def resend(connection: Connection, mail_id: int) -> str:
    """Send a mail, by the way that fits its state. Return a sentence about what was done."""
    mail = await connection.fetch_one(_LOCK, {"id": mail_id})
    if mail is None:
        raise _unknown(mail_id)
    if mail["recipient"] and await suppressed(connection, [mail["recipient"]]):
        raise PrecieuxError(
            f"Nothing is mailed to {mail['recipient']}. If its owner wants mails again, remove it:"
            f" `precieux mail suppressions remove {mail['recipient']}`."
        )
    match MailState(mail["status"]):
        case MailState.SENDING:
            raise PrecieuxError(f"Mail {mail_id} is being sent; a failed attempt is repeated automatically.")
        case MailState.DEFERRED:
            raise PrecieuxError(f"The mail server still tries to deliver mail {mail_id}; send it again if it bounces.")
        case MailState.COMPLAINED:
            raise PrecieuxError(f"The recipient of mail {mail_id} has complained about it, so it is not sent again.")
        case MailState.QUEUED:
            await connection.execute(_SEND_NOW, {"id": mail_id})
            done = f"Mail {mail_id} is sent now."
        case MailState.SENT | MailState.DELIVERED:
            done = await _mail_as_new(connection, mail_id, mail)
        case MailState.REFUSED | MailState.BOUNCED | MailState.SUPPRESSED | MailState.UNCERTAIN:
            await send_again(connection, [mail_id])
            done = f"Mail {mail_id} is queued again."
    await connection.notify(channels.EMAILS)
    return done


async def _mail_as_new(connection: Connection, mail_id: int, mail: Record) -> str:
    """Order a new mail in place of one that has left. Receivers drop a second mail with the same Message-ID."""
    if mail["kind"] != "result" or mail["job"] is None or mail["upload"] is None:
        if mail["kind"] == "failure":
            raise PrecieuxError(
                f"Mail {mail_id} has left. It says that a program could not be run, so there is no result to mail: run"
                f" the program again with `precieux jobs retry {mail['job']}`."
            )
        raise PrecieuxError(f"Mail {mail_id} has left, and only the mail of a result can be written again.")
    ordered = await order(connection, job=mail["job"], upload=mail["upload"])
    return f"Mail {mail_id} has left; its result is mailed again as mail {ordered}."


def _unknown(mail_id: int) -> PrecieuxError:
    return PrecieuxError(f"There is no mail {mail_id}: see `precieux mail list`.")
