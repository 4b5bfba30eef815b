"""Why a signed link shows nothing, and the page that says so."""

from enum import Enum
from http import HTTPStatus

from fastapi import Request, Response

from api_service.web.locales import chosen_locale
from api_service.web.rendering import SECRET, page
from shared.translations import gettext_noop, translations


class Reason(Enum):
    """Why a link shows nothing: a heading and an explanation for people, and a sentence for programs."""

    EXPIRED = (
        HTTPStatus.FORBIDDEN,
        gettext_noop("This link has expired"),
        gettext_noop("Links to results work for a week. The one who sent the program can send you a new one."),
        "This link has expired: ask the sender for a new one.",
    )
    FORGED = (
        HTTPStatus.FORBIDDEN,
        gettext_noop("This link is not valid"),
        gettext_noop("Perhaps a part of it is missing: use the whole link from the mail."),
        "This link is not valid: use the whole link from the mail.",
    )
    REMOVED = (
        HTTPStatus.NOT_FOUND,
        gettext_noop("This result is not there any more"),
        gettext_noop("It was removed from this server. The one who sent the program can send it again."),
        "The submission of this link has been removed.",
    )

    def __init__(self, status: HTTPStatus, heading: str, explanation: str, detail: str) -> None:
        self.status = status
        self.heading = heading
        self.explanation = explanation
        self.detail = detail


class LinkRefused(Exception):
    """A link shows nothing."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.detail)
        self.reason = reason


def refusal_page(request: Request, reason: Reason) -> Response:
    """Return the page that says why a link shows nothing."""
    gettext = translations(chosen_locale(request)).gettext
    return page(
        request,
        "link_refused.html.j2",
        status=reason.status,
        headers=SECRET,
        heading=gettext(reason.heading),
        explanation=gettext(reason.explanation),
    )
