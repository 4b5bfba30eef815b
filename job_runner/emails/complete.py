"""Completes a mail right before it is sent, with what depends on the settings and signatures of that time."""

from dataclasses import dataclass, replace

from job_runner.emails import attachments
from job_runner.emails.branding import Branding
from job_runner.emails.footer import Footer
from job_runner.emails.queue import ClaimedEmail
from job_runner.mailers.base import Email
from shared.adapters.storage.base import ObjectStore


@dataclass(frozen=True, slots=True)
class MailCompletion:
    """Adds the footer, the way to unsubscribe, the conversation, the address for replies, and the attached files.

    All of it is the same each time that a mail is sent, while the settings stay the same.
    """

    branding: Branding
    footer: Footer
    store: ObjectStore
    reply_to: str | None = None

    async def complete(self, mail: ClaimedEmail) -> Email:
        """Return the mail as it is sent. Raises `StoreUnavailable` if a file of it cannot be read now."""
        email = replace(
            mail.email,
            unsubscribe=self.branding.links.signer.unsubscribe_link(mail.email.recipient),
            references=self.branding.thread(mail.upload, mail.batch),
            reply_to=self.reply_to,
            attachments=await attachments.read(mail.attachments, self.store),
        )
        return self.footer.add_to(email)
