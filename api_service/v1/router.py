"""All routes of API v1."""

from typing import Final

from fastapi import APIRouter

from api_service.mails import mail_routes as mails
from api_service.mails import mailgun_routes as mailgun
from api_service.problems import check_routes as checks
from api_service.problems import problem_routes as problems
from api_service.v1.routes import batches, languages, output, runs, server, submission, submissions, transient

PREFIX: Final = "/v1"

router = APIRouter(prefix=PREFIX)
# The routes that are used most come first, because routes are tried in turn, which takes most of the time of a request.
for _routes in (
    *(transient, submissions, submission, batches, problems, checks, languages, server, mailgun, mails, output, runs),
):
    router.include_router(_routes.router)
