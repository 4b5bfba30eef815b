"""The pages for people: plain HTML from templates, and small scripts that use API v1 (ADR 31)."""

from typing import Final

from api_service.http.errors import PAGE
from api_service.web import error_pages
from api_service.web.problems import pages as problem_pages
from api_service.web.routes import admin, home, recipient_page, send, static, submission, unsubscribe

answer: Final = error_pages.answer
#: The paths that read what they are sent before its sender is known.
SEND: Final = send.PATH
LOG_IN: Final = admin.LOG_IN
PROBLEMS: Final = PAGE
#: Pages that are always served: mails and API v1 lead to them, or other pages need their files.
ALWAYS: Final = (home.router, static.router, recipient_page.router, unsubscribe.router, problem_pages.always)
#: Pages that the setting `PRECIEUX_WEB` turns off.
PAGES: Final = (send.router, submission.router, problem_pages.router, *admin.ROUTERS)
