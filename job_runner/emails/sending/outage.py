"""Tells a failure of one mail from a failure that every mail meets, and pauses the sender after the latter."""

import re
from typing import Final

from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.sending.queue import ClaimedEmail
from job_runner.engine.pause import Pause
from shared.common.service import metrics
from shared.common.service.retry import RetryPolicy

#: Mails are sent within a minute after an outage of the provider.
POLICY: Final = RetryPolicy(base=2, cap=60)
#: Equal refusals of so many recipients blame the account.
RUN: Final = 3
#: Words of a reply that differ from mail to mail: addresses, and numbers of queues and servers.
_OWN_WORDS: Final = re.compile(r"\S*[\d@]\S*")


class Outage:
    """What the sender knows about outages of its provider."""

    def __init__(self) -> None:
        self.pause = Pause(POLICY, kind="mails", gauge=metrics.MAILER_PAUSED)
        #: Mails that failed in this pause, and in the last one.
        self._failed: set[int] = set()
        self._failed_before: set[int] = set()
        #: The last refusal, and the recipients that were refused by it in a row.
        self._refusal = ""
        self._refused: set[str] = set()

    def begins(self, mail: ClaimedEmail, error: MailerUnavailable | MailRefused) -> bool:
        """Return True if the failure is not the mail's own, and begin a pause.

        It is the mail's own if other mails were accepted since it failed before.
        """
        if not self._is_shared(mail.email.recipient, error) or (self.pause.is_over and mail.id in self._failed_before):
            return False
        self._failed.add(mail.id)
        self.pause.begin(MailerUnavailable(str(error)))
        return True

    def end(self) -> set[int]:
        """End the pause: a mail was accepted. Return the mails that failed together, if several did."""
        self.pause.end()
        self._refused.clear()
        failed, self._failed = self._failed, set()
        if failed:
            self._failed_before = failed
        return failed if len(failed) > 1 else set()

    def _is_shared(self, recipient: str, error: MailerUnavailable | MailRefused) -> bool:
        if error.blame is not Blame.MAIL_OR_ACCOUNT:
            return error.blame is not Blame.MAIL
        refusal = _OWN_WORDS.sub("", str(error))
        if refusal != self._refusal:
            self._refusal, self._refused = refusal, set()
        self._refused.add(recipient)
        return len(self._refused) >= RUN
