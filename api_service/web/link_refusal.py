"""Why a signed link shows nothing, and the page that says so."""

from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api_service.http.problems import Kind, Problem
from api_service.web.locales import chosen_locale
from api_service.web.page_route import Handler
from api_service.web.rendering import SECRET, page
from shared.messages.translations import gettext_noop, translations

#: The content of an answer that is a page, for the OpenAPI document.
HTML: Final[dict[str, Any]] = {"schema": {"type": "string"}}


class Reason(Enum):
    """Why a link shows nothing: a heading and an explanation for people, and a sentence for programs."""

    EXPIRED = (
        Kind.FORBIDDEN,
        gettext_noop("This link has expired"),
        gettext_noop("Links to results work for a week. The one who sent the program can send you a new one."),
        "This link has expired: ask the sender for a new one.",
    )
    FORGED = (
        Kind.FORBIDDEN,
        gettext_noop("This link is not valid"),
        gettext_noop("Perhaps a part of it is missing: use the whole link from the mail."),
        "This link is not valid: use the whole link from the mail.",
    )
    REMOVED = (
        Kind.NOT_FOUND,
        gettext_noop("This result is not there any more"),
        gettext_noop("It was removed from this server. The one who sent the program can send it again."),
        "The submission of this link has been removed.",
    )

    def __init__(self, kind: Kind, heading: str, explanation: str, detail: str) -> None:
        self.kind = kind
        self.heading = heading
        self.explanation = explanation
        self.detail = detail


class LinkRefused(Problem):
    """A link shows nothing."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.kind, reason.detail)
        self.reason = reason


class LinkRoute(APIRoute):
    """A route that signed links lead to.

    It says why a link shows nothing: to browsers by a page, and to programs by a problem document.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def explain_refusals(request: Request) -> Response:
            try:
                return await handle(request)
            except LinkRefused as exc:
                if not _wants_page(request):
                    raise
                return _refusal_page(request, exc.reason, exc.kind.status)
            except RequestValidationError:
                if not _wants_page(request):
                    raise
                # A part of the link is missing. A browser shows its user no problem document.
                return _refusal_page(request, Reason.FORGED, HTTPStatus.UNPROCESSABLE_ENTITY)

        return explain_refusals


def wants_text(request: Request) -> bool:
    accepted = request.headers.get("Accept", "")
    return "text/plain" in accepted and "text/html" not in accepted


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _refusal_page(request: Request, reason: Reason, status: HTTPStatus) -> Response:
    gettext = translations(chosen_locale(request)).gettext
    return page(
        request,
        "link_refused.html.j2",
        status=status,
        headers=SECRET,
        heading=gettext(reason.heading),
        explanation=gettext(reason.explanation),
    )
