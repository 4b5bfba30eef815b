"""Problems: their packages, settings and versions."""

import re
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import Path, Request, Response
from pydantic import Field

from api_service.access.principal import Principal
from api_service.http.errors import Fault, Kind, invalid
from api_service.http.integers import MAX_NUMBER
from api_service.http.openapi import Schema
from api_service.limits.holds import reserving
from api_service.problems import showing, storing
from api_service.problems.body import FORM, ZIP, ProblemBody, receive_package, settings_of
from api_service.problems.bounds import limit_bounds, package_bounds
from api_service.problems.models import StoredProblem, VersionOfProblem
from api_service.requests.answers import IF_NONE_MATCH, SAME, answer
from api_service.requests.content import RANGE, Content, content_answer, content_responses
from api_service.requests.cursors import LINK, PAGE_ITEMS, PageQuery, page_answer, unsealed
from api_service.requests.openapi import V1Router, location
from api_service.requests.validation import Strict, parse_json, read_body, read_query
from api_service.requests.visibility import refuse_unknown
from api_service.services import ProblemReaderDep, Services, ServicesDep, SetterDep
from shared.records.problems import versions
from shared.records.problems.files import key_of
from shared.records.problems.versions import ProblemVersion
from shared.records.resources.models import ListOf

router = V1Router(tags=["problems"])

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_CURSOR: Final = "problems"
_PIECE_BYTES: Final = 256 << 10
_PACKAGE_FORM: Final[Schema] = {
    "type": "object",
    "required": ["package"],
    "properties": {
        "package": {"type": "string", "format": "binary", "description": "The zip."},
        "problem": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "Settings, as in PATCH.",
            "examples": ['{"visibility": "shared"}'],
        },
    },
    "additionalProperties": False,
}

ProblemName = Annotated[
    str,
    Path(
        description="The name of the problem.",
        examples=["sum"],
        json_schema_extra={"pattern": f"^{_NAME.pattern}$"},
    ),
]


class VersionQuery(Strict):
    """The query that names a version of a problem."""

    version: int | None = Field(default=None, ge=1, le=MAX_NUMBER, description="The version; the latest.")


class DeletionQuery(Strict):
    """The query of a deletion."""

    version: int | None = Field(
        default=None, ge=1, le=MAX_NUMBER, description="The version that is deleted; all of them."
    )


class ProblemsQuery(Strict):
    """The page and the filter of the list of problems."""

    limit: int = Field(default=50, ge=1, le=200, description="The most problems of a page.")
    cursor: str | None = Field(default=None, max_length=400, description="`next` of the page before.")
    visibility: Literal["private", "shared"] | None = Field(default=None, description="Only those that are so.")


@router.operation(
    "GET /problems",
    "List problems",
    "Those of this key, and those that other keys share, by name, without samples and warnings.",
    answer=ListOf[StoredProblem],
    query=ProblemsQuery,
    headers=LINK,
)
async def list_problems(principal: ProblemReaderDep, request: Request, services: ServicesDep) -> Response:
    query = read_query(request, ProblemsQuery)
    after = unsealed(services, _CURSOR, query.cursor)
    with reserving(services.response_memory, principal) as reserve:
        listed = await services.database.call(
            showing.page, principal, visibility=query.visibility, after=after, limit=query.limit + 1, reserve=reserve
        )
        items = [await showing.shown(services, principal, version) for version in listed[: query.limit]]
        cursor = services.signer.seal(_CURSOR, items[-1].name) if len(listed) > query.limit else None
        return page_answer(request, services, ListOf[StoredProblem], items, cursor)


@router.operation(
    "GET /problems/{name}",
    "Get a problem",
    "Its latest version, or another one. Other keys see a shared problem without its secrets.",
    answer=StoredProblem,
    query=VersionQuery,
)
async def get_problem(
    principal: ProblemReaderDep, name: ProblemName, request: Request, services: ServicesDep
) -> Response:
    check_name(name)
    async with services.database.connection() as connection:
        # 404 comes before 422.
        await showing.find_visible(connection, principal, name) or refuse_unknown(showing.WHAT)
        query = read_query(request, VersionQuery)
        version = await showing.find_visible(connection, principal, name, query.version) or refuse_unknown(showing.WHAT)
    return answer(await showing.whole(services, principal, version))


@router.operation(
    "PUT /problems/{name}",
    "Store a package",
    "Makes a new problem, or a new version of one. If the latest version is the same, nothing is made (200). Every"
    " fault of the package is in `errors`, with the `path` of its file.",
    answer=StoredProblem,
    status=HTTPStatus.CREATED,
    body={ZIP: {"type": "string", "format": "binary"}, FORM: _PACKAGE_FORM},
    headers=location("problem"),
    problems=[Kind.NAME_TAKEN, Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    responses={HTTPStatus.OK: {"model": StoredProblem, "description": "The latest version is the same."}},
)
async def put_problem(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    check_name(name)
    # Packages take seconds, and each that waits for its turn keeps its connection.
    with services.waits.hold(principal):
        async with services.body_semaphore.take(principal), receive_package(request, services.settings) as upload:
            catalog = await services.languages.catalog()
            bounds = package_bounds(services.settings, catalog)
            sent = {} if upload.settings is None else parse_json(upload.settings)
            settings = settings_of(request, sent, catalog, limit_bounds(services.settings, catalog))
            id_, is_new = await storing.push(services, principal, name, upload, bounds, settings)
    version = await services.database.call(versions.of_id, id_) or refuse_unknown(showing.WHAT)
    address = f"{services.signer.public_url}/v1/problems/{name}"
    shown = await showing.whole(services, principal, version)
    return answer(shown, HTTPStatus.CREATED, {"Location": address}) if is_new else answer(shown)


@router.operation(
    "PATCH /problems/{name}",
    "Change the settings of a problem",
    "Other limits make a new version of the same package; the title and the visibility do not.",
    answer=StoredProblem,
    body=ProblemBody,
    problems=[Kind.QUOTA_EXCEEDED],
)
async def patch_problem(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    await require_owned(services, principal, name)
    catalog = await services.languages.catalog()
    content = parse_json(await read_body(request))
    settings = settings_of(request, content, catalog, limit_bounds(services.settings, catalog))
    if not await storing.patch(services, principal, name, settings):
        refuse_unknown(showing.WHAT)
    return answer(await showing.whole(services, principal, await require_owned(services, principal, name)))


@router.operation(
    "DELETE /problems/{name}",
    "Delete a problem, or a version of it",
    "Submissions to it stay, and cannot be run again. The name is free; its version numbers are not used twice.",
    status=HTTPStatus.NO_CONTENT,
    query=DeletionQuery,
    problems=[Kind.UNDER_WAY],
    responses={HTTPStatus.NO_CONTENT: {"description": "It is deleted."}},
)
async def delete_problem(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    await require_owned(services, principal, name)
    query = read_query(request, DeletionQuery)
    if not await storing.delete(services, principal, name, query.version):
        refuse_unknown(showing.WHAT)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.operation(
    "GET /problems/{name}/versions",
    "List the versions of a problem",
    "The newest first.",
    answer=ListOf[VersionOfProblem],
    query=PageQuery,
    headers=LINK,
)
async def list_versions(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    await require_owned(services, principal, name)
    before = read_query(request, PageQuery).cursor
    listed = await services.database.call(showing.versions_of, name, before=before, limit=PAGE_ITEMS + 1)
    items = listed[:PAGE_ITEMS]
    cursor = items[-1].version if len(listed) > PAGE_ITEMS else None
    return page_answer(request, services, ListOf[VersionOfProblem], items, cursor)


@router.operation(
    "GET /problems/{name}/package",
    "Download a package",
    "The bytes that were sent. The `ETag` is their SHA-256.",
    query=VersionQuery,
    parameters=[RANGE, IF_NONE_MATCH],
    problems=[Kind.RANGE],
    responses={**content_responses(ZIP), **SAME},
)
async def get_package(principal: SetterDep, name: ProblemName, request: Request, services: ServicesDep) -> Response:
    await require_owned(services, principal, name)
    query = read_query(request, VersionQuery)
    version = await require_owned(services, principal, name, query.version)
    content = Content(
        version.package_bytes,
        partial(services.store.read, key_of(version.digest)),
        ZIP,
        f"{version.name}-{version.version}.zip",
        digest=version.digest,
        piece_bytes=_PIECE_BYTES,
    )
    return await content_answer(request, content)


def check_name(name: str) -> None:
    """Raise `ApiError` (422) if no problem may have this name."""
    if not _NAME.fullmatch(name):
        detail = "It must have 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, and begin with a letter or a digit."
        raise invalid([Fault(detail, parameter="name")])


async def require_owned(
    services: Services, principal: Principal, name: str, version: int | None = None
) -> ProblemVersion:
    """Return a version of a problem. Raises `ApiError`: 422 for the name, 404 if it is not the sender's."""
    check_name(name)
    problem = await services.database.call(versions.find, name, version)
    return problem if problem and showing.is_owned(principal, problem) else refuse_unknown(showing.WHAT)
