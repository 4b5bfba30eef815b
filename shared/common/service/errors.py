"""The errors that the services share: an adapter raises them, and its callers decide by them.

    PrecieuxError
    ├── ConfigurationError       the operator must change a setting; the process stops with this one sentence
    ├── TransientError           try again later: nothing is wrong with the work itself
    │   ├── DatabaseUnavailable
    │   │   ├── DatabaseConflict
    │   │   ├── DatabaseFull
    │   │   └── DatabaseTooSlow
    │   ├── BrokerUnavailable
    │   ├── StoreUnavailable
    │   └── EngineUnavailable
    │       ├── EngineAway
    │       │   ├── EngineFull
    │       │   └── EngineStopped
    │       └── EngineCrashed
    └── PermanentError           trying again cannot help
        ├── ObjectNotFound
        └── EngineRefused

A submitted program that fails is a verdict (`shared.engine_api.codex.Verdict`), not an error. Errors of one service
alone are in that service, such as those of mailers (`job_runner.emails.mailers.errors`). Adapters wrap the errors of
their library (`raise StoreUnavailable(...) from exc`), so nothing above them knows boto3, pika or httpx.
"""


class PrecieuxError(Exception):
    """The base of all these errors. Its text is one sentence for a person."""


class ConfigurationError(PrecieuxError):
    """A setting is missing or wrong. The text names the setting and what to set."""


class TransientError(PrecieuxError):
    """Another try may succeed.

    `retry_after` is the shortest wait in seconds that the other side asked for, if it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseUnavailable(TransientError):
    """Postgres cannot be reached, or closed the connection."""


class DatabaseConflict(DatabaseUnavailable):
    """Postgres rolled the transaction back in favour of another. It may be repeated."""


class DatabaseFull(DatabaseUnavailable):
    """The disk of Postgres has no room for what was to be written."""


class DatabaseTooSlow(DatabaseUnavailable):
    """A statement took longer than it may."""


class BrokerUnavailable(TransientError):
    """The broker cannot be reached, or did not confirm."""


class StoreUnavailable(TransientError):
    """The object store cannot be reached, or answered with a server error."""


class EngineUnavailable(TransientError):
    """The engine failed to run a program, or sent an answer that is not in its protocol."""


class EngineAway(EngineUnavailable):
    """The engine cannot be reached, is full, or stops. No program is the cause."""


class EngineFull(EngineAway):
    """All slots and all places in the queue are taken. That is no outage."""


class EngineStopped(EngineAway):
    """The engine stopped during the run, and others can be used."""


class EngineCrashed(EngineUnavailable):
    """The connection broke after the engine had begun to run the program, which may be the cause."""


class PermanentError(PrecieuxError):
    """Another try would fail too."""


class ObjectNotFound(PermanentError):
    """The store holds nothing under this key."""


class EngineRefused(PermanentError):
    """The engine refused the request. It would refuse another try too."""
