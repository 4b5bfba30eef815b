"""The smaller parts of the mailers: waiting times, SMTP replies and addresses, and the settings."""

from datetime import UTC, datetime
from pathlib import Path

import aiosmtplib
import pytest

from job_runner.emails.mailers import MailSettings, open_mailer
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.mailers.files import FileMailer
from job_runner.emails.mailers.mailgun import MailgunMailer
from job_runner.emails.mailers.smtp import SmtpMailer, failure, server_of
from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import load
from shared.common.text.retry_after import parse_retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 12:01:00 -0000", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("code", "text", "kind", "blame"),
    [
        (550, "5.1.1 no such user", MailRefused, Blame.MAIL),
        (552, "5.2.2 mailbox full", MailRefused, Blame.MAIL),
        (450, "4.2.0 greylisted", MailerUnavailable, Blame.MAIL),
        (550, "no such user", MailRefused, Blame.MAIL_OR_ACCOUNT),
        (451, "greylisted", MailerUnavailable, Blame.MAIL_OR_ACCOUNT),
        (550, "5.7.1 looks like spam", MailRefused, Blame.ACCOUNT),
        (554, "5.7.1 client host blocked", MailRefused, Blame.ACCOUNT),
        (554, "rejected by policy", MailRefused, Blame.ACCOUNT),
        (451, "4.7.1 too many mails", MailerUnavailable, Blame.ACCOUNT),
        (550, "5.4.5 daily user sending limit exceeded", MailerUnavailable, Blame.ACCOUNT),
        (550, "5.1.8 sender address rejected", MailerUnavailable, Blame.ACCOUNT),
        (452, "4.3.1 disk full", MailerUnavailable, Blame.PROVIDER),
        (421, "shutting down", MailerUnavailable, Blame.PROVIDER),
    ],
)
def test_a_reply_to_a_mail_says_what_it_blames(code: int, text: str, kind: type[Exception], blame: Blame) -> None:
    for error in (
        aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(code, text, "a@example.com")]),
        aiosmtplib.SMTPDataError(code, text),
    ):
        answer = failure(error)
        assert (type(answer), answer.blame) == (kind, blame)


@pytest.mark.parametrize(
    ("error", "blame"),
    [
        (aiosmtplib.SMTPSenderRefused(421, "shutting down", "a@example.com"), Blame.PROVIDER),
        (aiosmtplib.SMTPAuthenticationError(454, "temporary"), Blame.PROVIDER),
        (aiosmtplib.SMTPServerDisconnected("gone"), Blame.PROVIDER),
        (aiosmtplib.SMTPConnectError("refused"), Blame.PROVIDER),
        (aiosmtplib.SMTPReadTimeoutError("silence"), Blame.PROVIDER),
        (aiosmtplib.SMTPAuthenticationError(535, "wrong password"), Blame.ACCOUNT),
        (aiosmtplib.SMTPSenderRefused(530, "authentication required", "a@example.com"), Blame.ACCOUNT),
        (aiosmtplib.SMTPHeloError(550, "go away"), Blame.ACCOUNT),
        (aiosmtplib.SMTPConnectResponseError(554, "no service"), Blame.ACCOUNT),
        (aiosmtplib.SMTPNotSupported("no AUTH"), Blame.ACCOUNT),
    ],
)
def test_an_error_before_the_mail_blames_the_provider_or_the_account(
    error: aiosmtplib.SMTPException, blame: Blame
) -> None:
    answer = failure(error)
    assert isinstance(answer, MailerUnavailable)
    assert (answer.blame, answer.uncertain) == (blame, False)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", ["mail.example.com", 587, None, None, False, None]),
        ("smtps://mail.example.com", ["mail.example.com", 465, None, None, True, False]),
        ("smtp://u%40x:p%2Fw@mail.example.com:25", ["mail.example.com", 25, "u@x", "p/w", False, True]),
        ("smtp://u:p@127.0.0.1:2525", ["127.0.0.1", 2525, "u", "p", False, None]),
        ("smtp://u:p@[::1]:2525", ["::1", 2525, "u", "p", False, None]),
    ],
)
def test_an_smtp_address_is_parsed_and_a_password_requires_tls(url: str, server: list[object]) -> None:
    assert list(server_of(url).values()) == server


async def test_mails_are_files_when_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_DATA_DIR", str(tmp_path))
    settings = load(MailSettings)
    assert isinstance(open_mailer(settings), FileMailer)
    assert settings.domain == "localhost"


async def test_mailgun_is_chosen_before_smtp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_SMTP_URL", "smtp://127.0.0.1:2525")
    assert isinstance(open_mailer(load(MailSettings)), SmtpMailer)
    monkeypatch.setenv("PRECIEUX_MAILGUN_DOMAIN", "mg.example.com")
    monkeypatch.setenv("PRECIEUX_MAILGUN_API_KEY", "key")
    mailer = open_mailer(load(MailSettings))
    assert isinstance(mailer, MailgunMailer)
    await mailer.close()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("PRECIEUX_MAILGUN_DOMAIN", "PRECIEUX_MAILGUN_API_KEY"),
        ("PRECIEUX_MAILGUN_API_KEY", "PRECIEUX_MAILGUN_DOMAIN"),
    ],
)
def test_incomplete_settings_of_mailgun_are_refused(given: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(given, "mg.example.com")
    with pytest.raises(ConfigurationError, match=f"{given} is set but {missing} is not"):
        open_mailer(load(MailSettings))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRECIEUX_MAIL_FROM", "nobody"),
        ("PRECIEUX_MAIL_FROM", "a@example.com\nBcc: b@example.com"),
        ("PRECIEUX_MAIL_FROM", "a@example.com, b@example.com"),
        ("PRECIEUX_MAIL_REPLY_TO", "nobody"),
        ("PRECIEUX_MAIL_REPLY_TO", "a@example.com, b@example.com"),
        ("PRECIEUX_MAIL_REPLY_TO", "a@example.com\nBcc: b@example.com"),
        ("PRECIEUX_MAILGUN_URL", "api.mailgun.net"),
        ("PRECIEUX_MAILGUN_DOMAIN", "mg.example.com/../x"),
        ("PRECIEUX_SMTP_URL", "mail.example.com:587"),
        ("PRECIEUX_SMTP_URL", "smtp://mail.example.com:port"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name} is wrong: it"):
        load(MailSettings)


def test_complaints_go_where_replies_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_MAIL_FROM", "Precieux <results@example.com>")
    assert (load(MailSettings).complaints, load(MailSettings).mail_reply_to) == ("results@example.com", None)
    monkeypatch.setenv("PRECIEUX_MAIL_REPLY_TO", "help@exämple.com")
    assert load(MailSettings).complaints == load(MailSettings).mail_reply_to == "help@xn--exmple-cua.com"


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_SMTP_URL", "smtp://user:hunter2@mail.example.com")
    monkeypatch.setenv("PRECIEUX_MAILGUN_API_KEY", "key-hunter2")
    assert "hunter2" not in repr(load(MailSettings))
