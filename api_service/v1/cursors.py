"""The pages of lists (RFC 8288): a cursor is sealed, so that a client can only send one that a page gave it."""

from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import Field

from api_service.dependencies import Services
from api_service.v1.answers import answer
from api_service.v1.problems import Fault, invalid
from api_service.v1.validation import Strict, query_items
from shared.resources.models import ListOf

T = TypeVar("T")

#: The items of a page, if the client cannot choose their number.
PAGE_ITEMS: Final = 200

Cursor = Annotated[str | None, Field(max_length=200, description="`next` of the page before.")]
#: The header field of an answer, as OpenAPI describes it.
LINK: Final = {
    "Link": {
        "description": 'The address of the next page, with the same filters: `<...>; rel="next"`.',
        "schema": {"type": "string"},
    }
}


class PageQuery(Strict):
    """The query of a list without filters."""

    cursor: Cursor = None


def position_of(services: Services, purpose: str, cursor: str | None) -> str | None:
    """Return what `page_answer` has sealed for the same purpose; None without a cursor. Raise `V1Problem` (422)."""
    if cursor is None:
        return None
    position = services.signer.unseal(purpose, cursor)
    if position is None:
        raise invalid([Fault("It is no cursor of this list; send `next` of the page before.", parameter="cursor")])
    return position


def number_of(services: Services, purpose: str, cursor: str | None) -> int | None:
    """Return the number that `page_answer` has sealed, as `position_of` does."""
    position = position_of(services, purpose, cursor)
    return None if position is None else int(position)


def page_answer(
    request: Request, services: Services, page: type[ListOf[T]], items: list[T], purpose: str, following: object | None
) -> Response:
    """Return a page. The next one begins behind the position `following`; None says that this is the last."""
    if following is None:
        return answer(page(items=items, next=None))
    cursor = services.signer.seal(purpose, str(following))
    kept = [(name, value) for name, value in query_items(request) if name != "cursor"]
    address = f"{services.signer.public_url}{request.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"
    return answer(page(items=items, next=cursor), headers={"Link": f'<{address}>; rel="next"'})
