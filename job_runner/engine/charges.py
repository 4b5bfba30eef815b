"""Charges keys for the time of their runs (`RunTime`)."""

from collections import defaultdict
from collections.abc import Sequence

from shared.adapters.database.connection import Database
from shared.adapters.database.group_commit import GroupCommit
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.records.accounts import api_keys, cell_rate
from shared.records.accounts.cell_rate import Charge, run_seconds

log = get_logger(__name__)


class Charges:
    """Charges in groups. A program that sleeps, compiles, is cancelled or makes its engine fail holds a slot as well.

    `key_cpu_seconds` is the hourly budget of each key that has none of its own.
    """

    def __init__(self, database: Database, key_cpu_seconds: int) -> None:
        self._database = database
        self._key_cpu_seconds = key_cpu_seconds
        self._group = GroupCommit(self._charge_all)

    async def add(self, key: int, seconds: float) -> None:
        """Charge a key, which is 0 for submissions without one."""
        if key == 0:
            return
        try:
            await self._group.write((key, seconds))
        except TransientError as exc:
            # A lost charge is acceptable, because the outcome is written.
            log.warning("job.not_charged", error=str(exc))

    async def _charge_all(self, charges: Sequence[tuple[int, float]]) -> list[None]:
        by_key: dict[int, float] = defaultdict(float)
        for key, seconds in charges:
            by_key[key] += seconds
        async with self._database.connection() as connection:
            limits = await api_keys.run_seconds_of(connection, by_key)
            per_hour = {key: limits.get(key, self._key_cpu_seconds) for key in by_key}
            uses = [Charge(run_seconds(key), per_hour[key], s) for key, s in by_key.items() if per_hour[key]]
            await cell_rate.charge(connection, uses)
        return [None] * len(charges)
