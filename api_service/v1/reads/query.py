"""Reads the queries of calls about one submission."""

from typing import TypeVar

from fastapi import Request

from api_service.access.principal import Principal
from api_service.http.errors import ApiError
from api_service.requests.validation import NoQuery, Strict, read_query
from api_service.requests.visibility import require_visible
from api_service.services import Services

M = TypeVar("M", bound=Strict)


async def read_query_of(
    request: Request,
    services: Services,
    principal: Principal,
    upload_id: int,
    model: type[M] = NoQuery,  # type: ignore[assignment]
) -> M:
    """Return the query of a request about a submission. 404 comes before 422, so a fault costs one more look-up."""
    try:
        return read_query(request, model)
    except ApiError:
        await require_visible(services, principal, upload_id)
        raise
