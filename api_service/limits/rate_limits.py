"""Counts requests against rate limits, and refuses those above one. See `shared.records.accounts.cell_rate`."""

import math
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from api_service.http.errors import ApiError, Kind
from shared.adapters.database.connection import Connection
from shared.records.accounts import cell_rate
from shared.records.accounts.cell_rate import Bucket, Charge

WINDOW_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit, and the amount that a request counts.

    `what` names the limit in a refusal, `name` in header fields. One that keys share is not reported until it is
    reached, because its state would show what other keys do.
    """

    subject: str
    per_hour: int
    what: str
    amount: int = 1
    name: str = ""
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """A limit after a request was counted: what is `left` of its `quota`, and in how many seconds there is more."""

    name: str
    quota: int
    left: int
    more_in_s: int


#: The limits against which the request of this task was counted. None if its answer does not report them.
REPORTED: Final[ContextVar[dict[str, RateLimitStatus] | None]] = ContextVar("reported", default=None)


async def take(connection: Connection, wanted: Sequence[RateLimit]) -> None:
    """Count a request against all these limits, in the caller's transaction.

    Raises `ApiError`: 422 if an hour allows less than is needed, 429 if a limit is reached. The transaction must then
    be rolled back.
    """
    for limit in wanted:
        if limit.amount > limit.per_hour:
            raise ApiError(
                Kind.INVALID,
                f"{limit.what}: this request needs {limit.amount}, which is more than the {limit.per_hour} of an hour;"
                " divide it.",
            )
    buckets = await cell_rate.take(
        connection, [Charge(limit.subject, limit.per_hour, limit.amount) for limit in wanted]
    )
    counted = [(limit, _counted(limit, buckets[limit.subject])) for limit in wanted if limit.subject in buckets]
    used_up = [(limit, state) for limit, state in counted if buckets[limit.subject].wait_s is not None]
    if used_up:
        raise _refused(used_up)
    _report([state for limit, state in counted if not limit.is_shared])


async def check(connection: Connection, limit: RateLimit) -> None:
    """Raise `ApiError` (429) if more than an hour's worth was charged."""
    if wait := await cell_rate.overdrawn(connection, limit.subject):
        raise overdrawn(limit, wait)


def report(limit: RateLimit, in_use_s: float) -> None:
    """Let the answer report a limit of which so many seconds of the hour are in use."""
    wait_s = in_use_s - WINDOW_SECONDS
    _report([_counted(limit, Bucket(in_use_s, wait_s if wait_s > 0 else None))])


def overdrawn(limit: RateLimit, wait_s: float) -> ApiError:
    """Return the refusal of a request until `wait_s` seconds from now."""
    return _refused([(limit, _counted(limit, Bucket(WINDOW_SECONDS + wait_s, wait_s)))])


def _report(states: Sequence[RateLimitStatus]) -> None:
    if (reported := REPORTED.get()) is not None:
        reported.update({state.name: state for state in states})


def _refused(used_up: Sequence[tuple[RateLimit, RateLimitStatus]]) -> ApiError:
    """Return the refusal, which reports these limits alone."""
    if (reported := REPORTED.get()) is not None:
        reported.clear()
    _report([state for _, state in used_up])
    limit, last = max(used_up, key=lambda pair: pair[1].more_in_s)
    return ApiError(
        Kind.QUOTA_EXCEEDED,
        f"{limit.what}: the limit of {limit.per_hour} an hour is reached; try again in {last.more_in_s} seconds.",
        headers={"Retry-After": str(last.more_in_s)},
        policies=list(dict.fromkeys(state.name for _, state in used_up)),
    )


def _counted(limit: RateLimit, bucket: Bucket) -> RateLimitStatus:
    """Return what is left. If nothing is, there is more when the request can be served."""
    each_s = WINDOW_SECONDS / limit.per_hour
    # Rounded, because the times in the database have microseconds.
    left = round(max(0.0, WINDOW_SECONDS - bucket.in_use_s) / each_s, 3)
    wait = min((math.floor(left) + 1 - left) * each_s, bucket.in_use_s) if bucket.wait_s is None else bucket.wait_s
    return RateLimitStatus(limit.name or limit.subject, limit.per_hour, math.floor(left), max(1, math.ceil(wait)))
