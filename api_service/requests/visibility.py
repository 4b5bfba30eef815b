"""Finds what a sender may see: what its key has made. `admin` sees all. The rest does not exist for the sender."""

from typing import Final, NoReturn

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Kind
from api_service.services import Services
from shared.adapters.database.connection import Connection, Record
from shared.records.resources import read
from shared.records.resources.models import Submission
from shared.records.resources.statements import owned

_FIND: Final = f"SELECT {{columns}} FROM uploads WHERE id = :id AND {owned('uploads')}"  # noqa: S608  (constants)
_FIND_BATCH: Final = f"SELECT FROM batches WHERE id = :id AND {owned('batches')}"


def refuse_unknown(what: str = "submission") -> NoReturn:
    """Raise the problem (404) of a path that names nothing, or what the sender may not see."""
    raise ApiError(Kind.NOT_FOUND, f"This {what} does not exist, or belongs to another key.")


async def find_visible(services: Services, principal: Principal, upload_id: int, columns: str) -> Record | None:
    """Return these columns of a submission; None if the sender may not see it, or there is none."""
    values = {"id": upload_id, "owner": principal.visible_owner, "sees_all": principal.sees_all}
    return await services.database.call(Connection.fetch_one, _FIND.format(columns=columns), values)


async def require_visible(services: Services, principal: Principal, upload_id: int, columns: str = "") -> Record:
    """Return these columns of a submission. Raise `ApiError` (404) if the sender may not see it, or there is none."""
    row = await find_visible(services, principal, upload_id, columns)
    return refuse_unknown() if row is None else row


async def visible_submission(
    services: Services, principal: Principal, upload_id: int, reserve: read.Reserve | None = None
) -> Submission:
    """Return a submission. Raise `ApiError` (404) if the sender may not see it, or there is none.

    `reserve` is called before the outputs of tests are read.
    """
    submission = await services.database.call(
        read.submission,
        upload_id,
        links=services.links,
        owner=principal.visible_owner,
        sees_all=principal.sees_all,
        reserve=reserve,
    )
    return submission or refuse_unknown()


async def require_visible_batch(services: Services, principal: Principal, batch: int) -> None:
    """Raise `ApiError` (404) if the sender may not see the batch, or there is none."""
    values = {"id": batch, "owner": principal.visible_owner}
    if await services.database.call(Connection.fetch_one, _FIND_BATCH, values) is None:
        refuse_unknown("batch")
