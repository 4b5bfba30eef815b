"""The mailers. Each hands mails to one kind of provider."""

from job_runner.emails.mailers.base import Email, Mailer
from job_runner.emails.mailers.settings import MailSettings

__all__ = ["Email", "MailSettings", "Mailer", "open_mailer"]


def open_mailer(settings: MailSettings) -> Mailer:
    """Return the mailer for Mailgun if it is set, else for SMTP, else for files in the folder `outbox`.

    Raises `ConfigurationError`.
    """
    settings.check()
    if settings.mailgun_domain and settings.mailgun_api_key:
        from job_runner.emails.mailers.mailgun import MailgunMailer

        return MailgunMailer(
            url=settings.mailgun_url,
            domain=settings.mailgun_domain,
            api_key=settings.mailgun_api_key.get_secret_value(),
            sender=settings.sender,
        )
    if settings.smtp_url:
        from job_runner.emails.mailers.smtp import SmtpMailer

        url = settings.smtp_url.get_secret_value()
        return SmtpMailer(url, settings.sender, return_path=settings.mail_return_path)
    from job_runner.emails.mailers.files import FileMailer

    return FileMailer(settings.data_dir / "outbox", settings.sender)
