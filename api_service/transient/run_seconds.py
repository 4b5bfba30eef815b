"""Counts the run time of transient runs against the budgets of their keys, without a statement for each run."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from api_service.access.principal import Principal
from api_service.limits import rate_limits
from api_service.limits.rate_limits import WINDOW_SECONDS, RateLimit
from api_service.submissions.quota_costs import QuotaCosts
from shared.adapters.database.connection import Database
from shared.common.service.background import wait_any
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.records.accounts import cell_rate
from shared.records.accounts.cell_rate import Charge

log = get_logger(__name__)

#: Seconds between two writes. Until then the other processes do not know what one has charged. So together they
#: overdraw a budget by at most what they ran in that time, and what runs when it is used up.
_WRITE_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Budget:
    """What is known of a key's budget: the seconds of its hour in use when it was read, and the run time since."""

    limit: RateLimit
    in_use_s: float
    read_at: float
    unwritten_s: float = 0.0
    was_used: bool = True

    def in_use_now_s(self) -> float:
        """Return the seconds of its hour that are in use, which may be more than an hour's worth."""
        in_use = max(0.0, self.in_use_s - (time.monotonic() - self.read_at))
        return in_use + self.unwritten_s * WINDOW_SECONDS / self.limit.per_hour


class RunSeconds:
    """The budgets of run time, as this process knows them. A key's is read at its first run, and then with each write.

    `run` writes what was charged, and `flush` the rest. Several processes share a budget; see `_WRITE_SECONDS`.
    """

    def __init__(self, database: Database, costs: QuotaCosts) -> None:
        self._database = database
        self._costs = costs
        #: By the subjects of the limits.
        self._budgets: dict[str, _Budget] = {}

    async def check(self, principal: Principal) -> None:
        """Raise `ApiError` (429) if the key has used up its budget, or `DatabaseUnavailable` at its first run."""
        limit = self._costs.run_seconds(principal)
        if limit is None:
            return
        budget = self._budgets.get(limit.subject)
        if budget is None:
            in_use = await self._database.call(cell_rate.in_use, [limit.subject])
            seconds = in_use[limit.subject].seconds if in_use else 0.0
            budget = self._budgets.setdefault(limit.subject, _Budget(limit, seconds, time.monotonic()))
        budget.was_used = True
        if (used := budget.in_use_now_s()) > WINDOW_SECONDS:
            raise rate_limits.overdrawn(budget.limit, used - WINDOW_SECONDS)
        rate_limits.report(budget.limit, used)

    def charge(self, principal: Principal, seconds: float) -> None:
        limit = self._costs.run_seconds(principal)
        if limit is None:
            return
        budget = self._budgets.get(limit.subject)
        if budget is None:  # it was long unused; the next write reads it
            budget = self._budgets[limit.subject] = _Budget(limit, 0.0, time.monotonic())
        budget.unwritten_s += seconds
        rate_limits.report(budget.limit, budget.in_use_now_s())

    async def run(self, stop: asyncio.Event) -> None:
        """Write what was charged, every few seconds."""
        while not stop.is_set():
            await wait_any(stop, timeout=_WRITE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was charged, if the database is there."""
        try:
            await self.write()
        except TransientError as exc:
            log.warning("runs.not_charged", error=str(exc))

    async def write(self) -> None:
        """Write what was charged, and read what others have charged. Raises `DatabaseUnavailable`."""
        used = {subject: budget for subject, budget in self._budgets.items() if budget.was_used or budget.unwritten_s}
        self._budgets = dict(used)
        if used:
            charges = {subject: budget.unwritten_s for subject, budget in used.items()}
            uses = [Charge(subject, used[subject].limit.per_hour, s) for subject, s in charges.items() if s]
            async with self._database.transaction() as connection:
                await cell_rate.charge(connection, uses)
                in_use = await cell_rate.in_use(connection, list(used))
            for subject, budget in used.items():
                seconds_used = in_use.get(subject)
                budget.in_use_s, budget.read_at = (seconds_used.seconds if seconds_used else 0.0), time.monotonic()
                budget.unwritten_s -= charges[subject]
                budget.was_used = False
