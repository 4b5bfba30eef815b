"""All routes of API v1."""

from typing import Final

from fastapi import APIRouter

from api_service.v1.routes import (
    batches,
    checks,
    languages,
    mailgun,
    mails,
    output,
    problems,
    runs,
    server,
    submission,
    submissions,
    transient,
)

PREFIX: Final = "/v1"

router = APIRouter(prefix=PREFIX)
# The route that is used most comes first, because routes are tried in turn.
for _routes in (
    *(submissions, submission, batches, problems, checks, languages, server, mailgun, mails, output, runs),
    transient,
):
    router.include_router(_routes.router)
