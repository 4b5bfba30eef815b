"""Why a signed link shows nothing."""

from enum import Enum
from typing import Any, Final

from api_service.http.errors import ApiError, Kind
from shared.records.messages.translations import gettext_noop

#: The content of an answer that is a page, for the OpenAPI document.
HTML: Final[dict[str, Any]] = {"schema": {"type": "string"}}


class Reason(Enum):
    """Why a link shows nothing: a heading and an explanation for people, and a sentence for programs."""

    EXPIRED = (
        Kind.FORBIDDEN,
        gettext_noop("This link has expired"),
        gettext_noop("Links to results work for a week. Whoever sent the program can send you a new one."),
        "This link has expired: ask the sender for a new one.",
    )
    FORGED = (
        Kind.FORBIDDEN,
        gettext_noop("This link is not valid"),
        gettext_noop("Part of it may be missing. Use the whole link from the mail."),
        "This link is not valid: use the whole link from the mail.",
    )
    REMOVED = (
        Kind.NOT_FOUND,
        gettext_noop("This result is not there any more"),
        gettext_noop("It was removed from this server. Whoever sent the program can send it again."),
        "The submission of this link has been removed.",
    )

    def __init__(self, kind: Kind, heading: str, explanation: str, detail: str) -> None:
        self.kind = kind
        self.heading = heading
        self.explanation = explanation
        self.detail = detail


class LinkRefused(ApiError):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.kind, reason.detail)
        self.reason = reason
