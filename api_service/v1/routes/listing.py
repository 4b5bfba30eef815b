"""The list of submissions."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api_service.dependencies import ReaderDep, Services, ServicesDep
from api_service.problems import Fault, invalid
from api_service.v1 import list_pages
from api_service.v1.cursors import LINK, page_answer
from api_service.v1.examples import SUBMISSION_ITEM
from api_service.v1.list_query import ListQuery
from api_service.v1.openapi import operation
from api_service.v1.validation import read_query
from api_service.v1.visibility import owner_of
from shared.resources import read
from shared.resources.models import ListOf, Submission

router = APIRouter(tags=["submissions"])

_CURSOR: Final = "submissions"


@router.get(
    "/submissions",
    **operation(
        "list_submissions_v1",
        "List submissions",
        "The newest first, without texts and tests. A page may have fewer submissions than `limit`, or none, although"
        " there are more: there are more while `next` is not null.",
        answer=ListOf[Submission],
        example={"items": [SUBMISSION_ITEM], "next": None},
        query=ListQuery,
        headers=LINK,
    ),
)
async def list_submissions(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    query = read_query(request, ListQuery)
    after = _position(services, query.cursor)
    async with services.database.connection() as connection:
        found, following = await list_pages.find(connection, query, owner=owner_of(principal), after=after)
        items = await read.submissions(connection, found, links=services.links)
    cursor = services.signer.seal(_CURSOR, str(following)) if following else None
    return page_answer(request, services, ListOf[Submission], items, cursor)


def _position(services: Services, cursor: str | None) -> list_pages.Position | None:
    if cursor is None:
        return None
    text = services.signer.unseal(_CURSOR, cursor)
    if text is None:
        raise invalid([Fault("It is no cursor of this server; send `next` of the page before.", parameter="cursor")])
    return list_pages.Position.parse(text)
