"""The test mail, by each mailer."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from job_runner.mailers import MailSettings
from job_runner.send_test_mail import send
from shared.errors import ConfigurationError
from tests.fixtures.mailgun_server import MailgunServer
from tests.fixtures.smtp_server import SmtpServer

pytestmark = pytest.mark.integration

RECIPIENT = "someone@example.com"


def settings(folder: Path, **values: object) -> MailSettings:
    return MailSettings.model_validate({"mail_from": "Course <results@example.com>", "data_dir": folder, **values})


async def test_a_test_mail_is_a_file_without_a_provider(tmp_path: Path) -> None:
    sent = await send(settings(tmp_path), RECIPIENT, "en")
    assert (sent.provider, sent.server, sent.error) == ("files", str(tmp_path / "outbox"), None)
    text = (tmp_path / "outbox" / str(sent.answer)).read_text()
    assert f"Message-ID: {sent.message_id}\n" in text
    assert "Mails of results@example.com arrive." in text
    assert "List-Unsubscribe" not in text


async def test_a_test_mail_goes_to_the_smtp_server(tmp_path: Path, smtp_server: SmtpServer) -> None:
    url = SecretStr(f"smtp://127.0.0.1:{smtp_server.port}")
    sent = await send(settings(tmp_path, smtp_url=url, mail_return_path="b@example.net"), RECIPIENT, "fa")
    assert (sent.provider, sent.server, sent.return_path) == ("smtp", "127.0.0.1", "b@example.net")
    [envelope] = smtp_server.accepted
    assert (envelope.sender, envelope.recipients) == ("b@example.net", [RECIPIENT])
    body = envelope.message.get_body(("html",))
    assert body is not None
    assert 'dir="rtl"' in body.get_content()
    assert envelope.message["Subject"] == sent.subject
    assert not sent.subject.isascii()


async def test_a_refused_test_mail_says_why(tmp_path: Path, mailgun: MailgunServer) -> None:
    mailgun.fail(400, body='{"message": "Domain is not verified"}')
    chosen = settings(tmp_path, mailgun_url=mailgun.url, mailgun_domain="mg.example.com", mailgun_api_key="key")
    sent = await send(chosen, RECIPIENT, "en")
    assert (sent.provider, sent.server, sent.answer) == ("mailgun", "mg.example.com", None)
    assert "Domain is not verified" in str(sent.error)


async def test_a_wrong_setting_sends_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        await send(settings(tmp_path, mailgun_domain="mg.example.com"), RECIPIENT, "en")
