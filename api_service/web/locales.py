"""Chooses the locale of a page: the switch in the page, its cookie, or the browser's languages."""

from typing import Final

from fastapi import Request, Response

from api_service.v1.body.accept_language import locale_of
from shared.messages.translations import LOCALES

_COOKIE: Final = "lang"
_PARAMETER: Final = "lang"
_COOKIE_SECONDS: Final = 365 * 86_400


def chosen_locale(request: Request) -> str:
    """Return the locale of the page that answers a request."""
    for wish in (request.query_params.get(_PARAMETER), request.cookies.get(_COOKIE)):
        if wish in LOCALES:
            return wish
    return locale_of(request.headers.get("Accept-Language", ""))


def remember_locale(request: Request, response: Response) -> None:
    """Set the cookie if the request comes from the switch."""
    wish = request.query_params.get(_PARAMETER)
    if wish in LOCALES:
        response.set_cookie(_COOKIE, wish, max_age=_COOKIE_SECONDS, samesite="lax", httponly=True)
