"""`python -m job_runner.emails.send_test_mail ADDRESS`: sends a test mail by the mailer of the settings.

`precieux mail test` starts this with the settings of the job runner. The result is JSON on standard output.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import uuid4

import typer

from job_runner.emails.mailers import Email, MailSettings, open_mailer
from job_runner.emails.mailers.errors import MailerUnavailable, MailRefused
from job_runner.emails.texts.templating import RenderedEmail, rendered
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import fail, load
from shared.records.messages.translations import SOURCE_LOCALE, date_time, isolated, translations


def render_test_mail(*, sender: str, domain: str, now: datetime, locale: str) -> RenderedEmail:
    """Return a test mail from the address `sender`. `domain` is the right side of its Message-ID."""
    gettext = translations(locale).gettext
    named = {"sender": isolated(sender, locale), "time": date_time(now, locale)}
    mail = {
        "subject": gettext("Test mail from Precieux"),
        "lead": gettext("Mail from %(sender)s arrives. This one was sent on %(time)s.") % named,
    }
    return rendered("test_mail", locale, mail, message_id=f"<precieux.test.{uuid4()}@{domain}>")


async def send(settings: MailSettings, recipient: str, locale: str) -> dict[str, str | None]:
    """Send a test mail, and return how it was sent. Raises `ConfigurationError`.

    `server` is Mailgun's domain, the SMTP server's host, or the folder of the files. `answer` is the provider's id of
    the mail; None if the mail was not accepted, and `error` says why.
    """
    now, sender = datetime.now(UTC), settings.sender.addr_spec
    mail = render_test_mail(sender=sender, domain=settings.domain, now=now, locale=locale)
    provider, server = _provider(settings)
    sent: dict[str, str | None] = {
        "provider": provider,
        "server": server,
        "sender": settings.mail_from,
        "return_path": settings.mail_return_path or sender,
        "recipient": recipient,
        "subject": mail.subject,
        "message_id": mail.message_id,
        "answer": None,
        "error": None,
    }
    email = Email(
        recipient, mail.subject, mail.text, mail.html, mail.message_id, locale=locale, reply_to=settings.mail_reply_to
    )
    mailer = open_mailer(settings)
    try:
        sent["answer"] = await mailer.send(email)
    except (MailRefused, MailerUnavailable) as exc:
        sent["error"] = str(exc)
    finally:
        await mailer.close()
    return sent


def _provider(settings: MailSettings) -> tuple[str, str]:
    """Return the provider and its server, in the order in which `open_mailer` chooses."""
    if settings.mailgun_domain:
        return "mailgun", settings.mailgun_domain
    if settings.smtp_url:
        return "smtp", urlsplit(settings.smtp_url.get_secret_value()).hostname or ""
    return "files", str(settings.data_dir / "outbox")


def main(recipient: str, locale: Annotated[str, typer.Option()] = SOURCE_LOCALE) -> None:
    try:
        configure_logging("mail test", load(LogSettings))
        sent = asyncio.run(send(load(MailSettings), recipient, locale))
    except ConfigurationError as exc:
        raise typer.Exit(fail(exc)) from exc
    sys.stdout.write(json.dumps(sent) + "\n")


if __name__ == "__main__":
    typer.run(main)
