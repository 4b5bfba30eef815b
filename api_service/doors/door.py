"""Makes the applications of the front doors, and submits programs for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from api_service.access.auth import Principal
from api_service.errors import OfHttp, Render, answer_errors
from api_service.services import Services
from api_service.submissions.new_submission import NewSubmission, stored, text_bytes_of
from api_service.submissions.service import OnStored


def door_app(services: Services, routers: Sequence[APIRouter], render: Render, of_http: OfHttp) -> FastAPI:
    """Return the application of a front door. `of_http` makes the problems of the framework's own errors."""
    app = FastAPI(
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "operation_spans": False, "logs": False},
    )
    app.state.services = services
    for router in routers:
        app.include_router(router)
    answer_errors(app, render, of_http)
    return app


def program_submission(
    language: str,
    entry: str,
    files: Mapping[str, bytes],
    spec: Mapping[str, Any],
    stdin: str,
    *,
    texts: object,
    expected_output: str | None = None,
    webhook_url: str | None = None,
) -> NewSubmission:
    """Return the submission of a program that is run at once. `texts` are its others that are stored."""
    return NewSubmission(
        language=language,
        filename=entry,
        source=stored(files),
        stdin=stdin,
        hold=False,
        spec=spec,
        files=[{"path": path, "size_bytes": len(data)} for path, data in files.items()],
        expected_output=expected_output,
        webhook_url=webhook_url,
        text_bytes=text_bytes_of(texts),
    )


async def post(services: Services, principal: Principal, new: NewSubmission, on_stored: OnStored | None = None) -> int:
    """Store a submission, request its run, and return its id. Raises `Problem` if a limit forbids it."""
    async with services.requesting_runs():
        return (await services.submissions.post(principal, new, on_stored)).id
