"""Every error that crosses a module of ours.

    PrecieuxError
    ├── ConfigurationError       the operator must change a setting; the process stops with this one sentence
    ├── TransientError           try again later: nothing is wrong with the work itself
    │   ├── DatabaseUnavailable
    │   │   └── DatabaseConflict
    │   ├── BrokerUnavailable
    │   ├── StoreUnavailable
    │   ├── EngineUnavailable
    │   │   └── EngineCrashed
    │   └── MailerUnavailable
    └── PermanentError           trying again cannot help
        ├── ObjectNotFound
        ├── EngineRefused
        └── MailRefused

A submitted program that fails is none of these: it is a verdict (`shared.codex.Verdict`).
Adapters wrap what their library raises (`raise StoreUnavailable(...) from exc`), so nothing above them
knows boto3, pika or httpx.
"""


class PrecieuxError(Exception):
    """Base of all; its text is one sentence for a person."""


class ConfigurationError(PrecieuxError):
    """A setting is missing or wrong. The text names the setting and what to set."""


class TransientError(PrecieuxError):
    """Worth another try.

    `retry_after` is the least wait in seconds that the other side asked for, when it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseUnavailable(TransientError):
    """Postgres cannot be reached, or closed the connection."""


class DatabaseConflict(DatabaseUnavailable):
    """Postgres undid the transaction in favour of another. Nothing of it was done, and it may be repeated."""


class BrokerUnavailable(TransientError):
    """The broker cannot be reached, or did not confirm."""


class StoreUnavailable(TransientError):
    """The object store cannot be reached, or answered with a server's error."""


class EngineUnavailable(TransientError):
    """The engine cannot be reached, is full, or answered what is not its protocol."""


class EngineCrashed(EngineUnavailable):
    """The connection broke after the engine had the whole request. The program may be the cause."""


class MailerUnavailable(TransientError):
    """The mail provider cannot be reached or asks for patience.

    `pause` tells that the account is at fault, not this mail: every other mail would fare the same.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, pause: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.pause = pause


class PermanentError(PrecieuxError):
    """Not worth another try."""


class ObjectNotFound(PermanentError):
    """The store holds nothing under this key."""


class EngineRefused(PermanentError):
    """The engine refused the request itself: another try would be refused too."""


class MailRefused(PermanentError):
    """The provider will never deliver this mail."""
