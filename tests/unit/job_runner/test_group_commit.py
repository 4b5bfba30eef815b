import asyncio
from collections.abc import Sequence

import pytest

from shared.adapters.database.group_commit import GroupCommit
from shared.common.service.errors import DatabaseUnavailable


class Ledger:
    """Writes numbers one group at a time, when a test allows it. Refuses negative ones, and everything while `away`."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.away = False

    async def write(self, items: Sequence[int]) -> list[str]:
        self.begun.set()
        await self.go_on.wait()
        if self.away:
            raise DatabaseUnavailable("restarting")
        if any(item < 0 for item in items):
            raise ValueError("negative")
        self.groups.append(list(items))
        return [f"wrote {item}" for item in items]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


async def while_one_is_written(ledger: Ledger, *items: int) -> list[str | BaseException]:
    """Write the items while 0 is being written, and return the outcome of each."""
    commit = GroupCommit(ledger.write)
    first = asyncio.create_task(commit.write(0))
    await ledger.begun.wait()
    others = [asyncio.create_task(commit.write(item)) for item in items]
    await asyncio.sleep(0)
    ledger.go_on.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


async def test_later_commits_are_grouped_behind_the_first(ledger: Ledger) -> None:
    assert await while_one_is_written(ledger, 1, 2, 3) == ["wrote 0", "wrote 1", "wrote 2", "wrote 3"]
    assert ledger.groups == [[0], [1, 2, 3]]


async def test_a_failing_item_does_not_fail_the_others(ledger: Ledger) -> None:
    results = await while_one_is_written(ledger, 1, -2, 3)
    assert [str(result) for result in results] == ["wrote 0", "wrote 1", "negative", "wrote 3"]
    assert isinstance(results[2], ValueError)


async def test_an_unavailable_database_fails_the_whole_group(ledger: Ledger) -> None:
    ledger.away = True
    assert all(isinstance(result, DatabaseUnavailable) for result in await while_one_is_written(ledger, 1, 2))


async def test_later_groups_are_written_after_a_failure(ledger: Ledger) -> None:
    ledger.go_on.set()
    commit = GroupCommit(ledger.write)
    with pytest.raises(ValueError, match="negative"):
        await commit.write(-1)
    assert await commit.write(1) == "wrote 1"


async def test_a_cancelled_item_does_not_cancel_the_others(ledger: Ledger) -> None:
    commit = GroupCommit(ledger.write)
    cancelled, patient = asyncio.create_task(commit.write(1)), asyncio.create_task(commit.write(2))
    await ledger.begun.wait()
    cancelled.cancel()
    await asyncio.wait({cancelled})
    ledger.go_on.set()
    assert await patient == "wrote 2"
    assert cancelled.cancelled()


async def test_the_size_of_a_group_is_bounded(ledger: Ledger) -> None:
    await while_one_is_written(ledger, *range(1, 121))
    assert [len(group) for group in ledger.groups] == [1, 50, 50, 20]


async def test_a_pace_gathers_what_follows_closely(ledger: Ledger) -> None:
    ledger.go_on.set()
    commit = GroupCommit(ledger.write, pace=0.05)
    await commit.write(0)
    await asyncio.gather(*(_later(commit, item) for item in range(1, 4)))
    assert ledger.groups == [[0], [1, 2, 3]]


async def test_a_hurry_ends_the_pause(ledger: Ledger) -> None:
    ledger.go_on.set()
    commit = GroupCommit(ledger.write, pace=3600)
    await commit.write(0)
    waiting = [commit.put(item) for item in range(1, 120)]
    commit.hurry()
    await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert [item for group in ledger.groups for item in group] == [*range(120)]


async def _later(commit: GroupCommit[int, str], item: int) -> str:
    await asyncio.sleep(0)
    return await commit.write(item)
