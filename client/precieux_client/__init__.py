"""A typed client of Precieux, which runs programs in a sandbox and mails the results.

`Client` blocks, `AsyncClient` is for asyncio. `docs/client.md` has examples.
"""

from precieux_client.client import AsyncClient, Client
from precieux_client.errors import (
    APIError,
    Conflict,
    ConnectionFailed,
    Fault,
    Forbidden,
    Gone,
    InvalidRequest,
    NotFound,
    PrecieuxError,
    QuotaExceeded,
    ServerError,
    TooManyRequests,
    Unauthenticated,
    WaitTimeout,
)
from precieux_client.exchange import DEFAULT_URL
from precieux_client.folder import read_folder
from precieux_client.models import (
    Artifact,
    Batch,
    BatchLinks,
    Budget,
    Checker,
    Engine,
    Event,
    FileInfo,
    Language,
    LimitBounds,
    Limits,
    Mail,
    MailSummary,
    Queue,
    Run,
    ServerLimits,
    Submission,
    SubmissionLinks,
    TestCase,
    TestResult,
    Variant,
    Webhook,
)
from precieux_client.parameters import SubmissionParameters
from precieux_client.version import VERSION

__all__ = [
    "DEFAULT_URL",
    "APIError",
    "Artifact",
    "AsyncClient",
    "Batch",
    "BatchLinks",
    "Budget",
    "Checker",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Engine",
    "Event",
    "Fault",
    "FileInfo",
    "Forbidden",
    "Gone",
    "InvalidRequest",
    "Language",
    "LimitBounds",
    "Limits",
    "Mail",
    "MailSummary",
    "NotFound",
    "PrecieuxError",
    "Queue",
    "QuotaExceeded",
    "Run",
    "ServerError",
    "ServerLimits",
    "Submission",
    "SubmissionLinks",
    "SubmissionParameters",
    "TestCase",
    "TestResult",
    "TooManyRequests",
    "Unauthenticated",
    "Variant",
    "WaitTimeout",
    "Webhook",
    "__version__",
    "read_folder",
]

__version__ = VERSION
