"""The errors of mailers."""

from enum import Enum, auto

from shared.common.service.errors import PermanentError, TransientError


class Blame(Enum):
    """The cause of a failure to send a mail, as far as the provider's answer tells it."""

    MAIL = auto()
    #: The mail; or the account, if mails to others get the same answer.
    MAIL_OR_ACCOUNT = auto()
    #: The provider does not serve our account: every other mail would fail too.
    ACCOUNT = auto()
    #: The provider is away: every other mail would fail too.
    PROVIDER = auto()


class MailerUnavailable(TransientError):
    """The mail was not sent, and another try may succeed.

    `uncertain` is True if the provider may have taken the mail, so that another try may be another copy.
    """

    def __init__(self, message: str, *, blame: Blame = Blame.MAIL, uncertain: bool = False) -> None:
        super().__init__(message)
        self.blame = blame
        self.uncertain = uncertain


class MailRefused(PermanentError):
    """The provider will never deliver this mail, unless `blame` names another cause."""

    def __init__(self, message: str, *, blame: Blame = Blame.MAIL) -> None:
        super().__init__(message)
        self.blame = blame
