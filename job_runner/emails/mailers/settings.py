"""The settings of mails: the sender and the provider."""

from email.errors import MessageError
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from job_runner.emails.mailers.errors import MailRefused
from job_runner.emails.mailers.message import parse_recipient, parse_sender
from shared.common.service.errors import ConfigurationError
from shared.common.service.settings import Settings, default_data_dir, is_url


class MailSettings(Settings):
    mail_from: str = Field(
        default="Precieux <precieux@localhost>", description="the sender, as `Name <address>` or an address alone"
    )
    mail_reply_to: str | None = Field(
        default=None, description="where replies to a mail and complaints go, as one address; unset, to the sender"
    )
    mail_return_path: str | None = Field(
        default=None,
        description="where SMTP servers report mails that did not arrive, as one address; unset, to the sender",
    )
    mailgun_url: Annotated[str, is_url("http", "https", example="https://api.mailgun.net")] = Field(
        default="https://api.mailgun.net",
        description="the URL of Mailgun's API for your region; the default is for the US",
    )
    mailgun_domain: str | None = Field(default=None, description="the sending domain at Mailgun")
    mailgun_api_key: SecretStr | None = Field(default=None, description="Mailgun's API key")
    smtp_url: Annotated[
        SecretStr | None,
        is_url("smtp", "smtps", example="smtp://host:587 or smtps://host:465"),
        Field(
            description="SMTP server, smtp://user:password@host:587 (smtps: TLS from the start); unset, mails are files"
        ),
    ] = None
    data_dir: Path = Field(default_factory=default_data_dir, description="the folder of all local state")

    @property
    def sender(self) -> Address:
        return parse_sender(self.mail_from)

    @property
    def domain(self) -> str:
        """The sender's domain, which is the right side of Message-IDs."""
        return self.sender.domain

    @property
    def complaints(self) -> str:
        """The address for complaints."""
        return self.mail_reply_to or self.sender.addr_spec

    def check(self) -> None:
        """Raise `ConfigurationError` if only one of the two settings for Mailgun is set."""
        if bool(self.mailgun_domain) != bool(self.mailgun_api_key):
            given, missing = ("DOMAIN", "API_KEY") if self.mailgun_domain else ("API_KEY", "DOMAIN")
            raise ConfigurationError(
                f"PRECIEUX_MAILGUN_{given} is set but PRECIEUX_MAILGUN_{missing} is not: set both to send through"
                " Mailgun."
            )

    @field_validator("mail_from")
    @classmethod
    def _is_one_sender(cls, value: str) -> str:
        try:
            parse_sender(value)
        except (ValueError, MessageError):
            raise ValueError("it must be one address, such as Precieux <results@example.com>") from None
        return value

    @field_validator("mail_reply_to", "mail_return_path")
    @classmethod
    def _is_one_address(cls, value: str | None) -> str | None:
        try:
            return None if value is None else str(parse_recipient(value))
        except MailRefused:
            raise ValueError("it must be one mail address, such as help@example.com") from None

    @field_validator("mailgun_domain")
    @classmethod
    def _is_a_domain(cls, value: str | None) -> str | None:
        if value is not None and not value.replace("-", "").replace(".", "").isalnum():
            raise ValueError("it must be a domain, such as mg.example.com")
        return value
