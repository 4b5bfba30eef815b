"""What each kind of submission costs the database, in numbers that hardly depend on the load of the machine.

A ceiling is a little above what was counted. If a change goes above it, the change costs every submission something.
If a change saves something, lower the ceiling.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from typing import Final

import pytest

from benchmarks.cost import KINDS
from benchmarks.processes import services
from benchmarks.surroundings import Installation, Surroundings, execute
from benchmarks.sustained import SERVICES, drain, null_engine
from precieux.postgres.embedded import EmbeddedPostgres
from shared.records.accounts.api_keys import digest
from tests.fixtures.counting import Counts, counted, counting_postgres
from tests.fixtures.folders import server_folder

#: The operator's has none.
_OPERATOR: Final = "a-key-of-the-operator-for-the-counts"
_BUDGETS: Final = "a-key-with-budgets-for-the-counts"
#: Parts of statements that do not count: what `drain` asks, what is asked once a second and takes longer on a busy
#: machine, with the frame of each transaction, and a new connection.
_ASIDE: Final = re.compile(
    "AS relay|AS pending|AS front|(SELECT 1|sha256) FROM api_keys|code, details|jit|typeinfo"
    "|^BEGIN|^COMMIT|FROM batches WHERE finished_at IS NULL|^SELECT id, version, owner, batch, plan"
)
_WITH_KEY: Final = "v1, a key with budgets"
_BATCHES: Final = "v1, batches of 100"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most for one submission: statements, transactions that write, records of the log and their bytes."""

    statements: float
    commits: float
    records: float
    bytes: float


#: Each submission is sent when the one before has ended, so nothing is done in groups.
ALONE: Final = {
    "classic pair": Ceiling(18.7, 8.5, 105, 12_500),
    "v1, no recipient": Ceiling(12.7, 5.5, 69, 6_900),
    "v1, mailed": Ceiling(16.7, 7.5, 98, 12_600),
    "v1, 10 tests": Ceiling(13.7, 6.5, 103, 12_700),
    _BATCHES: Ceiling(2.7, 0.5, 64, 6_900),
    "v1, not stored": Ceiling(0.4, 0, 0, 0),
    _WITH_KEY: Ceiling(17.8, 6.5, 78, 7_300),
}
#: 100 are sent over 16 connections, and much is done in groups, of which a busy machine makes fewer.
TOGETHER: Final = {
    "classic pair": Ceiling(6.5, 3.6, 103, 13_700),
    "v1, no recipient": Ceiling(2.9, 1.0, 67, 7_000),
    "v1, mailed": Ceiling(3.8, 1.4, 91, 13_700),
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    with counting_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def ours(postgres: EmbeddedPostgres) -> Iterator[Installation]:
    """Yield a whole system with an engine that does nothing, which has prepared its statements."""
    with ExitStack() as stack:
        folder, codex_url = stack.enter_context(server_folder("counts")), stack.enter_context(null_engine())
        ours = Surroundings(folder, postgres).installation(
            codex_url=codex_url, runner_concurrency="8", api_keys=_OPERATOR
        )
        execute(
            ours.database_url,
            f"INSERT INTO api_keys (name, sha256, scopes) VALUES ('a', '{digest(_BUDGETS)}', '{{submit,read}}')",
        )
        stack.enter_context(services(SERVICES, ours.environment))
        for kind in ALONE:
            # A consumer takes its first hundred messages one by one.
            _carry(ours, kind, 200 if kind == _BATCHES else 20)
        yield ours


def _carry(ours: Installation, kind: str, submissions: int) -> None:
    """Send submissions of a kind at once, and wait for the last mail."""
    key, kind = (_BUDGETS, "v1, no recipient") if kind == _WITH_KEY else (_OPERATOR, kind)

    async def carry() -> None:
        await KINDS[kind](ours.url.replace("//", f"//:{key}@"), submissions)
        await drain(ours)

    asyncio.run(carry())


def _of_each(counts: Counts, submissions: int) -> Ceiling:
    """Return what each of so many submissions cost. Few of them split a page of an index, or do not, by chance."""
    split = {kind for kind in counts.records if submissions < 100 and kind.startswith("Btree SPLIT")}
    records, size = (sum(n for kind, n in of.items() if kind not in split) for of in (counts.records, counts.bytes))
    statements = sum(calls for text, calls in counts.calls.items() if not _ASIDE.search(text))
    costs = (statements, counts.commits, records, size)
    return Ceiling(*(round(cost / submissions, 2) for cost in costs))


def _check(cost: Ceiling, ceiling: Ceiling, counts: Counts, submissions: int) -> None:
    calls = [f"{calls / submissions:.2f} {' '.join(text.split())[:80]}" for text, calls in counts.calls.most_common()]
    print(cost, *calls, sep="\n")
    assert all(spent <= most for spent, most in zip(astuple(cost), astuple(ceiling), strict=True))


@pytest.mark.parametrize("kind", ALONE)
def test_a_submission_alone(postgres: EmbeddedPostgres, ours: Installation, kind: str) -> None:
    submissions, at_once = (100, 100) if kind == _BATCHES else (10, 1)
    with counted(postgres) as counts:
        for _ in range(0, submissions, at_once):
            _carry(ours, kind, at_once)
    _check(_of_each(counts, submissions), ALONE[kind], counts, submissions)


@pytest.mark.parametrize("kind", TOGETHER)
def test_submissions_together(postgres: EmbeddedPostgres, ours: Installation, kind: str) -> None:
    with counted(postgres) as counts:
        _carry(ours, kind, 100)
    _check(_of_each(counts, 100), TOGETHER[kind], counts, 100)
