"""Sending a program with the plain form of the page, without scripts."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials

from api_service.access.principal import Principal, require
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.requests.multipart import read_parts
from api_service.requests.port import submit
from api_service.requests.threads import run_in_thread_if_large
from api_service.services import Services, ServicesDep
from api_service.v1.body.constraints import constraints_of
from api_service.v1.body.rules import validate_submission
from api_service.web.program_page import is_valid_token, program_page
from api_service.web.rendering import root_of
from api_service.web.send_form import SentForm, read_form
from shared.records.accounts.scopes import Scope

router = APIRouter(include_in_schema=False)

PATH: Final = "/send"
_SAME_SITE: Final = {"same-origin", "none"}
#: The fields by which a sender is known are the first of our form, so that no more of a stranger's form is looked at.
_BEGINNING_BYTES: Final = 8 << 10
_LEFT_OUT: Final = "It is too long to be shown again. Your browser still has it on the page before this one."


@router.get(PATH)
async def form(request: Request) -> Response:
    """Lead to the form, in the language that the switch of a refused form asks for."""
    return RedirectResponse(f"{root_of(request)}?{request.url.query}", HTTPStatus.SEE_OTHER)


@router.post(PATH)
async def send(request: Request, services: ServicesDep) -> Response:
    """Register the program, and lead to its recipient's page, which needs neither a key nor scripts."""
    if not {*request.headers.getlist("Sec-Fetch-Site")} <= _SAME_SITE:
        raise ApiError(Kind.FORBIDDEN, "A page of another site sent this form; send it from this server's page.")
    pieces = request.stream()
    beginning = bytearray()
    async for piece in pieces:
        beginning += piece
        if len(beginning) >= _BEGINNING_BYTES:
            break
    fields = _first_fields(request, bytes(beginning[:_BEGINNING_BYTES]))
    try:
        key = fields.get("key")
        credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=key) if key else None
        principal = await services.authenticator.principal(request, credentials)
        require(principal, Scope.SUBMIT)
        body = bytes(beginning) + b"".join([piece async for piece in pieces])
        async with services.body_semaphore.take(principal):
            return await _sent(request, services, principal, body, fields.get("token", ""))
    except ApiError as exc:
        # Nothing of what a stranger sent is shown again.
        return await program_page(request, services, faults=[Fault(exc.detail)], status=exc.kind.status)


def _first_fields(request: Request, beginning: bytes) -> dict[str, str]:
    parts = read_parts(beginning, request.headers.get("Content-Type", ""), is_whole=False)
    return {part.name: part.text() for part in parts if part.name in ("token", "key")}


async def _sent(request: Request, services: Services, principal: Principal, body: bytes, token: str) -> Response:
    """Store the submission of a form, and return the way to it; or the form again, and why it was refused."""
    content_type = request.headers.get("Content-Type", "")
    form = await run_in_thread_if_large(len(body), lambda: read_form(read_parts(body, content_type)))

    async def again(faults: Sequence[Fault], status: HTTPStatus) -> Response:
        left_out = [Fault(_LEFT_OUT, pointer=f"/{name}") for name in form.left_out]
        return await program_page(request, services, given=form.given, faults=[*faults, *left_out], status=status)

    if not is_valid_token(services, token):
        return await again([Fault("The page has expired; send the form again.")], HTTPStatus.FORBIDDEN)
    try:
        upload = await _store(request, services, principal, form, len(body))
    except ApiError as exc:
        return await again(exc.faults or [Fault(exc.detail)], exc.kind.status)
    page = services.links.page(upload).removeprefix(services.signer.public_url).removeprefix("/")
    return RedirectResponse(page, HTTPStatus.SEE_OTHER)


async def _store(request: Request, services: Services, principal: Principal, form: SentForm, size: int) -> int:
    constraints = await constraints_of(request, services, principal, [form.content])
    new = await run_in_thread_if_large(size, validate_submission, form.content, constraints, upload=form.upload)
    if form.faults:
        raise invalid(form.faults)
    return await submit(services, principal, new)
