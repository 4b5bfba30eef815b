"""Chooses the locale of a page: the switch in the page, its cookie, or the browser's languages."""

from typing import Final

from fastapi import Request

from api_service.requests.accept_language import locale_of
from shared.records.messages.translations import LOCALES

COOKIE: Final = "lang"
_PARAMETER: Final = "lang"


def chosen_locale(request: Request) -> str:
    """Return the locale of the page that answers a request."""
    cookie = request.cookies.get(COOKIE)
    locale = cookie if cookie in LOCALES else locale_of(request.headers.get("Accept-Language", ""))
    return switched_locale(request) or locale


def switched_locale(request: Request) -> str | None:
    """Return the locale that the switch asks for, if it does."""
    wish = request.query_params.get(_PARAMETER)
    return wish if wish in LOCALES else None
