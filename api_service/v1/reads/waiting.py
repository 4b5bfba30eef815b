"""Answers that wait for a result: `Prefer: wait=N` (RFC 7240) and `?wait=N`.

A wait holds no connection to the database: the process's listener wakes it (`api_service.events.notifications`).
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

from fastapi import Request
from pydantic import Field

from api_service.access.auth import Principal
from api_service.http.openapi import answer_header, request_header
from api_service.services import Services
from api_service.v1.protocol.validation import Strict
from api_service.v1.reads.visibility import find_visible
from shared.database import channels

#: The longest wait, in seconds.
MAX_WAIT_S: Final = 60

#: One preference of the header: a name, perhaps with a value and parameters (RFC 7240, section 2).
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PREFERENCE: Final = re.compile(
    rf"\s*(?P<name>{_WORD})\s*(?:=\s*(?P<value>{_WORD}|{_QUOTED})\s*)?"
    rf"(?:;\s*(?:{_WORD}\s*(?:=\s*(?:{_WORD}|{_QUOTED})\s*)?)?)*(?:,|$)"
)
_SECONDS: Final = re.compile(r'"?([0-9]{1,1000})"?', re.ASCII)


class WaitQuery(Strict):
    """The query of a call that can wait."""

    wait: int | None = Field(
        default=None,
        ge=0,
        le=MAX_WAIT_S,
        description="Seconds to wait until the state is final or `held`. It wins over `Prefer: wait`.",
        examples=[10],
    )


#: The header field `Prefer`, as OpenAPI describes it.
PREFER: Final = request_header(
    "Prefer",
    f"`wait=N`: the seconds to wait until the state is final or `held`, {MAX_WAIT_S} at most. Another value is"
    " ignored.",
    example="wait=10",
)
#: The header field `Preference-Applied` of answers, as OpenAPI describes it.
PREFERENCE_APPLIED: Final = answer_header("Preference-Applied", "`wait=N`, if the wait was preferred by `Prefer`.")


@dataclass(frozen=True, slots=True)
class Wait:
    """How long an answer waits, and the header fields that say so."""

    seconds: int
    headers: dict[str, str]


def wait_of(request: Request, query: WaitQuery | None) -> Wait:
    """Return the wait that a request asks for; its query wins over `Prefer`."""
    if query is not None and query.wait is not None:
        return Wait(query.wait, {})
    preferred = _preferred(",".join(request.headers.getlist("Prefer")))
    return Wait(preferred, {"Preference-Applied": f"wait={preferred}"}) if preferred is not None else Wait(0, {})


def _preferred(header: str) -> int | None:
    """Return the seconds of the preference `wait`. If there are several, the first counts."""
    position = 0
    while position < len(header) and (preference := _PREFERENCE.match(header, position)):
        position = preference.end()
        if preference["name"].lower() == "wait":
            seconds = _SECONDS.fullmatch(preference["value"] or "")
            return min(int(seconds[1]), MAX_WAIT_S) if seconds else None
    return None


def reserved(services: Services, principal: Principal, seconds: float) -> AbstractContextManager[None]:
    """Count the wait of a request while a block runs, which raises `ApiError` (429) if its key has too many.

    A request that stores something reserves its wait before that.
    """
    return services.waits.hold(principal) if seconds > 0 else nullcontext()


async def wait_until_final(services: Services, principal: Principal, upload_id: int, seconds: float) -> None:
    """Return when the submission is in a final state or `held`, is gone, the time is over or the service stops."""
    await wait_while(services, upload_id, seconds, partial(_is_under_way, services, principal, upload_id))


async def wait_while(
    services: Services,
    id_: int,
    seconds: float,
    is_under_way: Callable[[], Awaitable[bool]],
    *,
    channel: str = channels.SUBMISSIONS,
) -> None:
    """Return when what has this id on the channel is not under way, the time is over or the service stops."""
    if seconds <= 0:
        return
    deadline = time.monotonic() + seconds
    with services.notifications.watch(id_, channel=channel) as changed:
        while not services.notifications.is_stopping and await is_under_way():
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await changed.wait()
            except TimeoutError:
                return
            changed.clear()


async def _is_under_way(services: Services, principal: Principal, upload_id: int) -> bool:
    row = await find_visible(services, principal, upload_id, "request_id IS NOT NULL AS is_under_way")
    return row is not None and bool(row["is_under_way"])
