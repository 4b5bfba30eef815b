"""Sending a program with the plain form of the page, without scripts."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials

from api_service.auth import require
from api_service.dependencies import Services, ServicesDep
from api_service.problems import Problem
from api_service.v1.bodies import body_bytes, require_known_offer, terms_of
from api_service.v1.multipart import NotMultipart, TooManyParts, parse
from api_service.v1.problems import Fault, V1Problem, invalid
from api_service.v1.requests import validate_submission
from api_service.web.program_page import is_valid_token, program_page
from api_service.web.send_form import SentForm, read_form
from shared.api_keys import Scope
from shared.resources.links import Links

router = APIRouter(include_in_schema=False)

_SAME_SITE: Final = {"same-origin", "none"}


@router.post("/send")
async def send(request: Request, services: ServicesDep) -> Response:
    """Register the program, and lead to its recipient's page, which needs neither a key nor scripts."""
    _refuse_other_sites(request)
    form = await _form(request)
    if not is_valid_token(services, form.token):
        return await _again(request, services, form, Fault("The page has expired; send the form again."))
    try:
        upload = await _store(request, services, form)
    except V1Problem as exc:
        faults = exc.errors or [Fault(exc.detail)]
        return await program_page(request, services, given=form.given, faults=faults, status=exc.kind.status)
    except Problem as exc:
        return await _again(request, services, form, Fault(exc.detail), exc.status)
    page = Links(services.signer).page(upload).removeprefix(services.signer.public_url).removeprefix("/")
    return RedirectResponse(page, HTTPStatus.SEE_OTHER)


def _refuse_other_sites(request: Request) -> None:
    """Raise `Problem` (403) if a page of another site has sent the form."""
    if not {*request.headers.getlist("Sec-Fetch-Site")} <= _SAME_SITE:
        raise Problem(HTTPStatus.FORBIDDEN, "A page of another site sent this form; send it from this server's page.")


async def _form(request: Request) -> SentForm:
    try:
        return read_form(parse(await request.body(), request.headers.get("Content-Type", "")))
    except (NotMultipart, TooManyParts) as exc:
        raise Problem(HTTPStatus.BAD_REQUEST, str(exc)) from None


async def _store(request: Request, services: Services, form: SentForm) -> int:
    """Store the submission of a form, and return its id. Raises `V1Problem` or `Problem` if it may not be sent."""
    credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=form.key) if form.key else None
    principal = await services.authenticator.principal(request, credentials)
    require(principal, Scope.SUBMIT)
    with services.bodies.hold(principal, body_bytes(request, services.settings)):
        terms = await terms_of(request, services, principal, [form.content])
        new = validate_submission(form.content, terms, upload=form.upload)
        if form.faults:
            raise invalid(form.faults)
        require_known_offer(terms, [new])
        await services.backlog.check()
        stored = await services.submissions.post(principal, new, None)
    services.relay.wake.set()
    return stored.id


async def _again(
    request: Request,
    services: Services,
    form: SentForm,
    fault: Fault,
    status: HTTPStatus = HTTPStatus.FORBIDDEN,
) -> Response:
    """Return the page with what was written, and why it was refused."""
    return await program_page(request, services, given=form.given, faults=[fault], status=status)
