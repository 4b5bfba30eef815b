"""The values that all mails of a service share, and the ids by which mail programs know them."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from shared.records.resources.links import Links


@dataclass(frozen=True, slots=True)
class Branding:
    """The `domain` is the right side of Message-IDs."""

    domain: str
    links: Links

    def result_id(self, request: UUID) -> str:
        """Return the Message-ID of the mail that ends a request."""
        return f"<precieux.{request}@{self.domain}>"

    def repeated_id(self, request: UUID, mail: int) -> str:
        """Return that of a result that is mailed again. The first mail's id would make receivers drop this one."""
        return f"<precieux.{request}.{mail}@{self.domain}>"

    def receipt_id(self, request: UUID) -> str:
        return f"<precieux.{request}.receipt@{self.domain}>"

    def digest_id(self, batch: int, recipient: str) -> str:
        """Return that of the mail about a batch. It depends on the address, which no id may contain."""
        digest = hashlib.sha256(recipient.lower().encode()).hexdigest()[:16]
        return f"<precieux.batch-{batch}.{digest}@{self.domain}>"

    def check_id(self, batch: int) -> str:
        """Return that of the report of a check, whose submissions are this batch."""
        return f"<precieux.check-{batch}@{self.domain}>"

    def thread(self, upload: int | None, batch: int | None) -> tuple[str, ...]:
        """Return what a mail refers to (RFC 5322, section 3.6.4): its batch, then its submission.

        No mail has one of these ids. Mail programs show all mails that refer to the same one as a conversation.
        """
        roots = [f"batch-{batch}"] if batch is not None else []
        roots += [f"submission-{upload}"] if upload is not None else []
        return tuple(f"<precieux.{root}@{self.domain}>" for root in roots)
