"""The whole backlog is counted again if a count failed."""

import pytest

from api_service.backlog import BacklogGuard
from api_service.problems import Problem
from shared.errors import DatabaseUnavailable


class _Counts:
    """A database that answers these counts in turn. None: it is unavailable."""

    def __init__(self, *counts: int | None) -> None:
        self._counts = list(counts)

    def connection(self) -> "_Counts":
        return self

    async def __aenter__(self) -> "_Counts":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def fetch_one(self, *_: object) -> dict[str, int]:
        count = self._counts.pop(0)
        if count is None:
            raise DatabaseUnavailable("it is away")
        return {"waiting": count}


@pytest.mark.parametrize(("counts", "is_full"), [((None, 5), True), ((None, None, 4), False), ((5,), True)])
async def test_a_count_that_failed_is_not_reused(counts: tuple[int | None, ...], is_full: bool) -> None:
    guard = BacklogGuard(_Counts(*counts), limit=5)  # type: ignore[arg-type]
    for count in counts:
        if count is None:
            with pytest.raises(DatabaseUnavailable):
                await guard.check()
    for _ in range(2):  # the second one is answered without a count
        if is_full:
            with pytest.raises(Problem) as refused:
                await guard.check()
            assert refused.value.kind.status == 503
        else:
            await guard.check()
