"""Renders pages from their templates, with the header fields that all pages have."""

from functools import cache
from http import HTTPStatus
from typing import Any, Final

import jinja2
from babel import Locale
from fastapi import Request
from fastapi.responses import HTMLResponse

from api_service.web.assets import DIGEST, modules
from api_service.web.locales import COOKIE, chosen_locale, switched_locale
from api_service.web.visible import visible
from shared.common.version import VERSION
from shared.engine_api.languages import name_of
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.records.messages.templates import environment
from shared.records.messages.translations import LOCALES
from shared.records.messages.verdict_texts import EXPLANATIONS, LABELS, OUTCOMES

#: No foreign host, nothing inline, no HTML from strings, and no frame around a page.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Vary": "Accept, Accept-Language, Cookie",
}
#: Further header fields of a page behind a signed link: its address is a secret.
SECRET: Final = {"Referrer-Policy": "no-referrer", "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}


def page(
    request: Request,
    template: str,
    *,
    locale: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return the page of a template in `templates/`. Without a locale it is that of the browser.

    All templates get `root`, the relative address of the server's root, and `static`, that of the files that pages
    load: a proxy may serve the API below a prefix. `switch` is the query of this page in each language.
    """
    chosen = locale or chosen_locale(request)
    root = root_of(request)
    text = (
        _environment(chosen)
        .get_template(template)
        .render(
            root=root,
            static=f"{root}static/{DIGEST}/",
            version=VERSION,
            switch={code: f"?{request.url.include_query_params(lang=code).query}" for code in LOCALES},
            **values,
        )
    )
    response = HTMLResponse(text, status, headers={**_HEADERS, **(headers or {})})
    if wish := switched_locale(request):
        response.set_cookie(COOKIE, wish, max_age=365 * 86_400, samesite="lax", httponly=True)
    return response


def root_of(request: Request) -> str:
    """Return the relative address of the server's root, as seen from the page of a request."""
    # As the browser spells it: `TrailingSlash` may have changed the path.
    return "../" * (request.scope["raw_path"].count(b"/") - 1) or "./"


@cache
def _environment(locale: str) -> jinja2.Environment:
    made = environment(jinja2.PackageLoader("api_service.web"), locale)
    made.globals |= {
        "languages": {code: (Locale.parse(code).get_display_name() or code).capitalize() for code in LOCALES},
        "labels": LABELS,
        "outcomes": OUTCOMES,
        "explanations": EXPLANATIONS,
        "good": GOOD_VERDICTS,
        "modules": modules,
    }
    made.filters |= {"visible": visible, "language_name": name_of}
    return made
