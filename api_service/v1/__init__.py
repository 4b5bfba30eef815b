"""API v1: the routes below /v1. `router` collects those of the resources; each has a file in `routes`.

A route takes its sender first (`SubmitterDep` or `ReaderDep`), then the ids of its path (`ids`), and then:

1. looks up what the path names, and raises 404 if the sender may not see it;
2. reads the body, if there is one (400, 413, 415, 422), and calls `read_query`, also if it has no parameters (422);
3. does its work, a POST inside `idempotency.once`;
4. returns `answer(model)`.

It raises `ApiError`, declares itself by `openapi.operation`, and leaves the rest to `middleware`.
"""

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
