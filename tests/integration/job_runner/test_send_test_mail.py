"""The test mail, by each mailer."""

from pathlib import Path

from job_runner.emails.mailers import MailSettings
from job_runner.emails.send_test_mail import send
from tests.fixtures.mailgun_server import MailgunServer

RECIPIENT = "someone@example.com"


def settings(folder: Path, **values: object) -> MailSettings:
    return MailSettings.model_validate({"mail_from": "Course <results@example.com>", "data_dir": folder, **values})


async def test_a_test_mail_is_a_file_without_a_provider(tmp_path: Path) -> None:
    sent = await send(settings(tmp_path), RECIPIENT, "en")
    assert (sent["provider"], sent["server"], sent["error"]) == ("files", str(tmp_path / "outbox"), None)
    text = (tmp_path / "outbox" / str(sent["answer"])).read_text()
    assert f"Message-ID: {sent['message_id']}\n" in text
    assert "Mail from results@example.com arrives." in text
    assert "List-Unsubscribe" not in text


async def test_a_refused_test_mail_says_why(tmp_path: Path, mailgun: MailgunServer) -> None:
    mailgun.fail(400, body='{"message": "Domain is not verified"}')
    chosen = settings(tmp_path, mailgun_url=mailgun.url, mailgun_domain="mg.example.com", mailgun_api_key="key")
    sent = await send(chosen, RECIPIENT, "en")
    assert (sent["provider"], sent["server"], sent["answer"]) == ("mailgun", "mg.example.com", None)
    assert "Domain is not verified" in str(sent["error"])
