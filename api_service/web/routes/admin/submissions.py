"""The page of submissions: those of an address, a key, a result or a time, and what became of their mails."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from api_service.v1.reads import pages
from api_service.v1.reads.pages import ListQuery
from api_service.web.page_route import PageRoute
from api_service.web.routes.admin.answers import OperatorDep, number_of
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import DatabaseTooSlow
from shared.engine_api.codex import STORED_VERDICTS
from shared.records.accounts import api_keys
from shared.records.resources.operators_list import operators_list

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_SHOWN: Final = 50
_CURSOR: Final = "operator"
#: Seconds for which the links to recipients' pages are valid. Those pages ask for no key, as the senders' do.
_LINK_SECONDS: Final = 3600
#: What a filter by result may be: a verdict, or the state of a submission that has none.
_STATES: Final = ("held", "queued", "running", "failed", "cancelled")
_FILTERS: Final = ("email", "key", "result", "since", "until")


@router.get("/admin/submissions")
async def submissions(operator: OperatorDep) -> Response:
    services, sent = operator.services, operator.request.query_params
    # Nothing that is looked for has other characters, and some the database refuses.
    texts = {name: filter(str.isprintable, sent.get(name, "")) for name in _FILTERS}
    given = {name: "".join(text).strip()[:254] for name, text in texts.items()}
    # The list begins with the newest if the cursor is none of ours.
    cursor = services.signer.unseal(_CURSOR, sent.get("cursor", ""))
    after = pages.ListPosition.parse(cursor) if cursor else None
    query = ListQuery.model_validate(
        {
            "limit": _SHOWN,
            "email": given["email"] or None,
            "state": given["result"] if given["result"] in _STATES else None,
            "verdict": given["result"] if given["result"] in STORED_VERDICTS else None,
            "created_after": _midnight(given["since"]),
            # The last day belongs to the time.
            "created_before": _midnight(given["until"], days=1),
        }
    )
    listed, following, is_too_slow = [], None, False
    async with services.database.connection() as connection:
        keys = await api_keys.listed(connection)
        try:
            ids, following = await pages.find(connection, query, owner=number_of(given["key"]), after=after)
            listed = await operators_list(connection, ids)
        except DatabaseTooSlow:
            is_too_slow = True
    older = services.signer.seal(_CURSOR, str(following)) if following else None
    return await operator.page(
        "submissions",
        status=HTTPStatus.SERVICE_UNAVAILABLE if is_too_slow else HTTPStatus.OK,
        submissions=listed, given=given, keys=keys, verdicts=STORED_VERDICTS, is_too_slow=is_too_slow,
        following=older and urlencode({**given, "cursor": older}), page_path=partial(_page_path, services.signer),
    )  # fmt: skip


def _page_path(signer: LinkSigner, upload: int) -> str:
    link = signer.page_link(upload, expires=int(time.time()) + _LINK_SECONDS)
    return link.removeprefix(f"{signer.public_url}/")


def _midnight(day: str, *, days: int = 0) -> datetime | None:
    """Return the beginning of a day in UTC, some days later; None for what is no date of a calendar."""
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        return None
