"""The list of problems, and the page of each.

The sender of a key sees what it may see. A browser that sends none gets a page that asks for one; its script then asks
again with the key, and a form does so without scripts.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from markupsafe import Markup, escape

from api_service.access.principal import Principal, require
from api_service.http.errors import PAGE, ApiError, Kind
from api_service.limits.holds import reserving
from api_service.problems import showing
from api_service.problems.problem_routes import check_name
from api_service.requests.content import content_answer
from api_service.requests.visibility import refuse_unknown
from api_service.services import CredentialsDep, Services, ServicesDep
from api_service.v1.reads import pages
from api_service.v1.reads.pages import ListQuery
from api_service.web.csrf import own_form
from api_service.web.locales import chosen_locale
from api_service.web.problems.statement import PDF, linked_file, statement_of
from api_service.web.program_page import program_page
from api_service.web.rendering import page, root_of
from shared.adapters.database.connection import Connection
from shared.common.service.errors import ObjectNotFound
from shared.records.accounts.scopes import Scope
from shared.records.problems import versions
from shared.records.problems.versions import ProblemVersion
from shared.records.resources import read
from shared.records.resources.models import Submission

router = APIRouter(include_in_schema=False)
#: The `type` of a problem document leads to it, so it is served without the other pages, too.
always = APIRouter(include_in_schema=False)

_TEMPLATE: Final = "problems/problem.html.j2"
_MAX_LISTED: Final = 200
#: For what only the key may see.
_PRIVATE: Final = {"Cache-Control": "private, no-store"}
#: A viewer of PDFs may not start in a sandbox.
_PDF_POLICY: Final = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
#: The kinds of problem documents and their meanings, with what stands in backquotes as code.
_KINDS: Final = [
    (kind, Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(kind.meaning)))))  # noqa: S704  (it is escaped)
    for kind in Kind
]
_SOLVED: Final = """
    SELECT name FROM unnest(CAST(:names AS text[])) AS each (name) WHERE EXISTS (
        SELECT FROM uploads u JOIN problem_versions v ON v.id = u.problem_version
        WHERE v.problem = name AND u.outcome = 'finished' AND u.verdict = 'accepted'
            AND (CAST(:owner AS bigint) IS NULL OR u.owner = :owner)
    )
"""


@always.api_route(PAGE, methods=["GET", "HEAD"])
async def list_page(request: Request, services: ServicesDep, credentials: CredentialsDep) -> Response:
    """Return the page with the problems that a sender may see, and with the kinds of problem documents."""
    if not services.settings.web:
        return page(request, "problems/kinds.html.j2", locale="en", kinds=_KINDS)
    principal = await _sender(request, services, credentials)
    versions_listed: list[ProblemVersion] = []
    if after := request.query_params.get("after"):
        check_name(after)
    if principal:
        with reserving(services.response_memory, principal) as reserve:
            versions_listed = await services.database.call(
                showing.page, principal, visibility=None, after=after, limit=_MAX_LISTED + 1, reserve=reserve
            )
    titles = {version.name: _title(version, chosen_locale(request)) for version in versions_listed[:_MAX_LISTED]}
    return page(
        request,
        "problems/list.html.j2",
        headers=_PRIVATE if principal else None,
        is_locked=principal is None,
        titles=titles,
        solved=await _solved(services, principal, [*titles]) if principal else set(),
        following=[*titles][-1] if len(versions_listed) > _MAX_LISTED else None,
        kinds=_KINDS,
    )


@router.api_route(f"{PAGE}/{{name}}", methods=["GET", "HEAD"])
async def problem_page(request: Request, name: str, services: ServicesDep, credentials: CredentialsDep) -> Response:
    principal = await _sender(request, services, credentials)
    check_name(name)
    if principal is None:
        return await program_page(request, services, template=_TEMPLATE, problem=name, title=None, shown=None)
    async with services.database.connection() as connection:
        version = await showing.find_visible(connection, principal, name) or refuse_unknown(showing.WHAT)
        package = await versions.package_of(connection, version.id) or refuse_unknown(showing.WHAT)
    locale = chosen_locale(request)
    values: dict[str, Any] = {
        "problem": name,
        "title": _title(version, locale),
        "shown": await showing.whole(services, principal, version),
        "statement": await statement_of(services, package, locale, f"{root_of(request)}problems/{name}/"),
        "latest": await _latest(services, principal, name),
        "solved": await _solved(services, principal, [name]),
        "is_owned": showing.is_owned(principal, version),
    }
    if "Authorization" in request.headers:
        # A script has the rest of the page.
        return page(request, "problems/part.html.j2", headers=_PRIVATE, **values)
    return await program_page(request, services, template=_TEMPLATE, headers=_PRIVATE, **values)


@router.post(PAGE)
async def with_key(request: Request, services: ServicesDep) -> Response:
    """Return the list, or the page of the problem that a form names, to the sender of the form's key."""
    form = await own_form(request)
    credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=str(form.get("key", "")))
    if name := str(form.get("problem", "")):
        return await problem_page(request, name, services, credentials)
    return await list_page(request, services, credentials)


@router.get(f"{PAGE}/{{name}}/files/{{sealed}}")
async def statement_file(request: Request, services: ServicesDep, sealed: str) -> Response:
    content = linked_file(services, sealed)
    try:
        answer = await content_answer(request, content)
    except ObjectNotFound:
        raise ApiError(Kind.NOT_FOUND, "This file is not there any more: load the problem again.") from None
    if content.media_type == PDF:
        answer.headers["Content-Security-Policy"] = _PDF_POLICY
    return answer


async def _sender(
    request: Request, services: Services, credentials: HTTPAuthorizationCredentials | None
) -> Principal | None:
    """Return the sender, who may read about problems; None if the page must ask for a key. Raises `ApiError`."""
    try:
        principal = await services.authenticator.principal(request, credentials)
    except ApiError:
        if credentials is None and "Authorization" not in request.headers:
            return None
        raise
    require(principal, Scope.READ, Scope.PROBLEMS)
    return principal


async def _latest(services: Services, principal: Principal, name: str) -> list[Submission]:
    query = ListQuery.model_validate({"problem": name, "limit": 20})
    async with services.classic_list.semaphore.take(principal), services.database.connection() as connection:
        ids, _ = await pages.find(connection, query, owner=principal.key_id, after=None)
        return await read.submissions(connection, ids, links=services.links)


async def _solved(services: Services, principal: Principal, names: Sequence[str]) -> set[str]:
    values = {"names": list(names), "owner": principal.key_id}
    return {row["name"] for row in await services.database.call(Connection.fetch_all, _SOLVED, values)}


def _title(version: ProblemVersion, locale: str) -> str:
    titles: dict[str, str] = version.summary["titles"]
    return version.title or titles.get(locale) or str(version.summary["title"])
