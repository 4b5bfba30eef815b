"""Renders the test mail, with which an operator finds out whether mails arrive. Pure."""

from datetime import datetime
from uuid import uuid4

from job_runner.emails.rendering import RenderedEmail, render_html, render_text
from shared.messages.translations import date_time, isolated, translations


def render_test_mail(*, sender: str, domain: str, now: datetime, locale: str) -> RenderedEmail:
    """Return a test mail from the address `sender`. `domain` is the right side of its Message-ID."""
    words = translations(locale)
    named = {"sender": isolated(sender, locale), "time": date_time(now, locale)}
    values = {
        "subject": words.gettext("Test mail from Precieux"),
        "lead": words.gettext("Mail from %(sender)s arrives. This one was sent on %(time)s.") % named,
    }
    return RenderedEmail(
        subject=values["subject"],
        text=render_text("test_mail", locale, **values),
        html=render_html("test_mail", locale, **values),
        message_id=f"<precieux.test.{uuid4()}@{domain}>",
    )
