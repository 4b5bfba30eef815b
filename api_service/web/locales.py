"""Chooses the locale of a page: the switch in the page, its cookie, or the browser's languages."""

from typing import Final

from fastapi import Request, Response

from api_service.requests.accept_language import locale_of
from shared.records.messages.translations import LOCALES

_COOKIE: Final = "lang"
_PARAMETER: Final = "lang"
_COOKIE_SECONDS: Final = 365 * 86_400


def chosen_locale(request: Request) -> str:
    """Return the locale of the page that answers a request."""
    cookie = request.cookies.get(_COOKIE)
    own = cookie if cookie in LOCALES else locale_of(request.headers.get("Accept-Language", ""))
    return switched_locale(request) or own


def switched_locale(request: Request) -> str | None:
    """Return the locale that the switch asks for, if it does."""
    wish = request.query_params.get(_PARAMETER)
    return wish if wish in LOCALES else None


def remember_locale(request: Request, response: Response) -> None:
    """Set the cookie if the request comes from the switch."""
    if wish := switched_locale(request):
        response.set_cookie(_COOKIE, wish, max_age=_COOKIE_SECONDS, samesite="lax", httponly=True)
