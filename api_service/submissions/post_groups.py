"""Stores submissions of a key that arrive together in a single transaction.

If a group is refused, each of its submissions is stored or refused alone, so none fails because of another.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias
from weakref import WeakValueDictionary

from api_service.access.principal import Principal
from api_service.http.errors import ApiError
from api_service.limits.rate_limits import REPORTED, RateLimitStatus
from api_service.submissions.new_submission import NewSubmission
from api_service.submissions.rows import Stored
from shared.adapters.database.group_commit import GroupCommit

#: Stores submissions of a sender in one transaction.
Store: TypeAlias = Callable[[Principal, Sequence[NewSubmission]], Awaitable[Sequence[Stored]]]
#: What became of a submission, and the limits against which it was counted.
_Outcome: TypeAlias = tuple[Stored | ApiError, dict[str, RateLimitStatus]]
_Group: TypeAlias = GroupCommit[NewSubmission, _Outcome]


class PostGroups:
    """Has a group for each sender, because a budget that is used up must not slow down the posts of others."""

    def __init__(self) -> None:
        self._groups: WeakValueDictionary[tuple[Principal, bool], _Group] = WeakValueDictionary()

    async def store(self, principal: Principal, new: NewSubmission, store: Store) -> Stored:
        """Store a submission, together with those that come meanwhile. Raises what `store` raises for it alone."""
        key = (principal, new.hold)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = GroupCommit(partial(_outcomes, principal, store))
        stored, counted = await group.write(new)
        if (reported := REPORTED.get()) is not None:
            reported.clear()
            reported.update(counted)
        if isinstance(stored, ApiError):
            raise stored
        return stored


async def _outcomes(principal: Principal, store: Store, new: Sequence[NewSubmission]) -> list[_Outcome]:
    counted: dict[str, RateLimitStatus] = {}
    REPORTED.set(counted)  # in the task of the group
    try:
        return [(stored, counted) for stored in await store(principal, new)]
    except ApiError as exc:
        if len(new) > 1:
            raise
        return [(exc, counted)]
