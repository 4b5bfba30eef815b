"""The list of submissions."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api_service.http.problems import Fault, Kind, Problem, invalid
from api_service.services import ReaderDep, Services, ServicesDep
from api_service.v1.lists import pages
from api_service.v1.lists.cursors import LINK, page_answer
from api_service.v1.lists.query import ListQuery
from api_service.v1.protocol.examples import SUBMISSION_ITEM
from api_service.v1.protocol.openapi import operation
from api_service.v1.protocol.validation import read_query
from api_service.v1.reads.visibility import owner_of
from shared.resources import read
from shared.resources.models import ListOf, Submission
from shared.service.errors import DatabaseTooSlow

router = APIRouter(tags=["submissions"])

_CURSOR: Final = "submissions"
_TOO_SLOW: Final = (
    "It took too long to find these submissions among so many; narrow the list by `created_after`, `created_before`,"
    " `email` or `verdict`."
)


@router.get(
    "/submissions",
    **operation(
        "list_submissions_v1",
        "List submissions",
        "The newest first, without texts and tests. There are more while `next` is not null. With many submissions of"
        " which few have the wanted language or metadata, the answer may be 503: then add `created_after`.",
        answer=ListOf[Submission],
        example={"items": [SUBMISSION_ITEM], "next": None},
        query=ListQuery,
        headers=LINK,
    ),
)
async def list_submissions(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    query = read_query(request, ListQuery)
    after = _position(services, query.cursor)
    try:
        # In turns, because such a statement may read all submissions of a key.
        async with services.classic_list.semaphore.take(principal), services.database.connection() as connection:
            found, following = await pages.find(connection, query, owner=owner_of(principal), after=after)
            items = await read.submissions(connection, found, links=services.links)
    except DatabaseTooSlow:
        raise Problem(Kind.UNAVAILABLE, _TOO_SLOW) from None
    cursor = services.signer.seal(_CURSOR, str(following)) if following else None
    return page_answer(request, services, ListOf[Submission], items, cursor)


def _position(services: Services, cursor: str | None) -> pages.Position | None:
    if cursor is None:
        return None
    text = services.signer.unseal(_CURSOR, cursor)
    if text is None:
        raise invalid([Fault("It is no cursor of this server; send `next` of the page before.", parameter="cursor")])
    return pages.Position.parse(text)
