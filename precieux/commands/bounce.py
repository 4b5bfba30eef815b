"""`precieux mail bounce`: stores a mail server's report about a mail. The server calls it with the report as input."""

import os
import sys
from typing import Final

import typer

from precieux import terminal
from precieux.commands.options import DataDir
from precieux.installation.operator_database import transact
from precieux.mail import status_notification
from precieux.mail.status_notification import Notification
from shared.adapters.database.connection import Connection
from shared.common.service.errors import PrecieuxError
from shared.records.mail import delivery_reports
from shared.records.mail.delivery_reports import DeliveryReport

#: The kinds of mails whose Message-ID is random, so that only their recipients know it. A stranger can write a report
#: that names any other mail, and must not be able to suppress its recipient.
_UNGUESSABLE: Final = ("result", "failure")


def bounce(data_dir: DataDir = None) -> None:
    """Store a delivery status notification (RFC 3464) from standard input, as a mail server passes it."""
    report = sys.stdin.buffer.read(status_notification.MAX_BYTES)
    # Read everything, because a mail server takes a closed pipe for a failure.
    while sys.stdin.buffer.read(1 << 20):
        pass
    notification = status_notification.read(report)
    if notification is None:
        # The exit code is 0, because a mail server would answer the sender, whose address may be forged.
        terminal.hint("This mail is no report of a delivery (RFC 3464), so nothing was changed.")
        return
    try:
        done = transact(lambda connection: store(connection, notification), data_dir)
    except (PrecieuxError, OSError) as exc:
        terminal.complain(str(exc))
        # The mail server keeps the report, and tries again.
        raise typer.Exit(os.EX_TEMPFAIL) from exc
    terminal.hint(done)


async def store(connection: Connection, notification: Notification) -> str:
    """Store a notification. Return a sentence about what was done, without an address."""
    mail = await connection.fetch_one(
        "SELECT id, kind, recipient, message_id FROM emails WHERE message_id = ANY(:ids) ORDER BY id LIMIT 1",
        {"ids": list(notification.message_ids)},
    )
    if mail is None:
        return "This report is about no mail of ours, so nothing was changed."
    # The address is that of the mail, never one that the report names.
    is_unwanted = notification.is_final and mail["kind"] in _UNGUESSABLE
    recipient = mail["recipient"] if is_unwanted else None
    report = DeliveryReport(notification.delivery, mail["message_id"], recipient, notification.reason)
    if await delivery_reports.record(connection, report) is None:
        return f"The state of mail {mail['id']} already says what this report says, or more."
    return f"Mail {mail['id']} is {notification.delivery}."
