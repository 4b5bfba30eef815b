"""Answers a browser that opens an address with a page that says what went wrong, and programs with a document."""

from typing import Final

from fastapi import Request, Response

from api_service.errors import document
from api_service.http.errors import ApiError, Kind
from api_service.web.link_refusal import LinkRefused, Reason
from api_service.web.locales import chosen_locale
from api_service.web.rendering import SECRET, page
from shared.records.messages.translations import gettext_noop, translations

#: The first parts of the paths of calls. Their clients get documents, even if they say that they accept HTML.
_CALLS: Final = frozenset(
    {"v1", "submit_email", "check_email", "check_user", "healthz", "readyz", "openapi.json", "metrics"}
)
#: Those of signed links.
_LINKS: Final = frozenset({"pages", "unsubscribe"})
_FAILED: Final = gettext_noop("This did not work")
_NOTHING: Final = (
    gettext_noop("There is nothing at this address"),
    gettext_noop("The address may be mistyped, or the page may have been removed."),
)


def answer(request: Request, error: ApiError) -> Response:
    """Return the answer of an error: a page if a browser has opened the address, else a problem document."""
    first = request.url.path.split("/")[1]
    if first in _CALLS or "text/html" not in request.headers.get("Accept", ""):
        return document(request, error)
    reason = error.reason if isinstance(error, LinkRefused) else None
    if first in _LINKS and error.kind is Kind.INVALID:
        reason = Reason.FORGED  # a part of the link is missing
    if reason is None:
        return error_page(request, error, home="admin" if first == "admin" else "")
    gettext = translations(chosen_locale(request)).gettext
    return page(
        request,
        "error.html.j2",
        status=error.kind.status,
        headers=SECRET,
        heading=gettext(reason.heading),
        explanation=gettext(reason.explanation),
        home=None,
    )


def error_page(request: Request, error: ApiError, home: str = "admin") -> Response:
    """Return the page that says what happened, and leads to the page `home`."""
    gettext = translations(chosen_locale(request)).gettext
    heading, explanation = _NOTHING if error.kind is Kind.NOT_FOUND and not home else (_FAILED, "")
    status = error.kind.status
    return page(
        request,
        "error.html.j2",
        status=status,
        headers={**error.headers, "Cache-Control": "no-store"},
        heading=gettext(heading),
        explanation=explanation and gettext(explanation),
        code=status.value,
        detail=error.detail,
        home=home,
    )
