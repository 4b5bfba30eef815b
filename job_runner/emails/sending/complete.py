"""Completes a mail right before it is sent, with what depends on the settings and signatures of that time."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from job_runner.emails.mailers.base import AttachedFile, Email
from job_runner.emails.sending.queue import ClaimedEmail
from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.footer import Footer
from job_runner.emails.texts.templating import StoredAttachment
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import ObjectNotFound
from shared.common.service.logging import get_logger

log = get_logger(__name__)


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
            attachments=tuple([file async for file in self._files(mail.attachments)]),
        )
        return self.footer.add_to(email)

    async def _files(self, stored: str | None) -> AsyncIterator[AttachedFile]:
        """Yield the files of a value of `emails.attachments`.

        A file that is gone is left out: its submission was removed, and its link leads nowhere either.
        """
        for file in (StoredAttachment(**fields) for fields in json.loads(stored or "[]")):
            try:
                data = (file.text or "").encode() if file.key is None else await self.store.get(file.key)
            except ObjectNotFound:
                log.warning("mail.attachment_gone", key=file.key)
            else:
                yield AttachedFile(file.filename, file.content_type, data)
