"""The pages of lists (RFC 8288)."""

from typing import Final, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import Field

from api_service.http.errors import Fault, invalid
from api_service.http.integers import MAX_ID
from api_service.http.openapi import answer_header
from api_service.requests.answers import answer
from api_service.requests.validation import Strict, query_items
from api_service.services import Services
from shared.records.resources.models import ListOf

T = TypeVar("T")

#: The items of a page, if the client cannot choose their number.
PAGE_ITEMS: Final = 200
LINK: Final = answer_header("Link", 'The address of the next page, with the same filters: `<...>; rel="next"`.')


class PageQuery(Strict):
    """The query of a list without filters. Its cursors are numbers, which any client may make."""

    cursor: int | None = Field(default=None, ge=1, le=MAX_ID, description="`next` of the page before.")


def unsealed(services: Services, what: str, cursor: str | None) -> str | None:
    """Return the content of a cursor of the list `what`; None without a cursor. Raises `ApiError` (422)."""
    text = None if cursor is None else services.signer.unseal(what, cursor)
    if cursor is not None and text is None:
        raise invalid([Fault("It is no cursor of this server; send `next` of the page before.", parameter="cursor")])
    return text


def page_answer(
    request: Request, services: Services, page: type[ListOf[T]], items: list[T], cursor: object | None
) -> Response:
    """Return a page. `cursor` leads on to the next one; None says that this is the last."""
    if cursor is None:
        return answer(page(items=items, next=None))
    kept = [(name, value) for name, value in query_items(request) if name != "cursor"]
    address = f"{services.signer.public_url}{request.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"
    return answer(page(items=items, next=str(cursor)), headers={"Link": f'<{address}>; rel="next"'})
