"""Each statement finds its rows by an index, so its cost does not grow with the rows that are stored (P7).

The statements are read from the sources, as in `tests/unit/test_lock_order.py`.
"""

import importlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeAlias

import asyncpg
import pytest

from shared.database.named_parameters import numbered
from tests.unit.test_house_rules import ROOT, SOURCES
from tests.unit.test_lock_order import texts

pytestmark = pytest.mark.integration

#: Tables with rows for each submission, which stay for as long as the operator keeps them.
LARGE: Final = frozenset(
    {
        *("uploads", "job", "results", "test_results", "emails", "webhooks", "batches", "messages"),
        *("idempotency_keys", "deleted_uploads", "judge0_submissions"),
    }
)
#: The beginnings of statements that read whole tables, and why they may.
REASONS: Final = {"SELECT 'outbox' AS place, 'waiting' AS state": "`precieux queue` counts the rows of all states"}

PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_]\w*)")
SQL: Final = re.compile(r"(SELECT|WITH|UPDATE|DELETE FROM|INSERT INTO)\b")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """Yield a connection that reads a whole table only where no index serves, and plans for any parameters."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


def statements() -> Iterator[str]:
    """Yield the strings of the sources that may be SQL: those in the code, and those that modules build when loaded."""
    for path in SOURCES:
        if "migrations" in path.parts or path.is_relative_to(ROOT / "executor"):
            continue
        if path.name != "__main__.py":
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            yield from (value for value in vars(module).values() if isinstance(value, str))
        yield from texts(path)


async def plan_of(connection: Connection, sql: str) -> str | None:
    """Return the plan of a statement; None for a text that Postgres does not take for one."""
    statement, values = numbered(sql, dict.fromkeys(PARAMETER.findall(sql)))
    arguments = f"({', '.join('NULL' for _ in values)})" if values else ""
    try:
        await connection.execute(f"DEALLOCATE ALL; PREPARE one AS {statement}")
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE one{arguments}"))
    except asyncpg.PostgresError:
        return None


async def test_no_statement_reads_a_whole_table(connection: Connection) -> None:
    found: dict[str, frozenset[str]] = {}
    explained = 0
    for sql in {re.sub(r"\s+", " ", re.sub(r"--[^\n]*", " ", text)).strip() for text in statements()}:
        if not SQL.match(sql) or (plan := await plan_of(connection, sql)) is None:
            continue
        explained += 1
        whole = LARGE.intersection(re.findall(r"Seq Scan on (\w+)", plan))
        if whole and "{…}" not in sql and not sql.startswith(tuple(REASONS)):
            found[sql] = whole
    assert found == {}
    assert explained > 200


async def test_a_statement_without_an_index_is_found(connection: Connection) -> None:
    assert "Seq Scan on webhooks" in str(await plan_of(connection, "SELECT FROM webhooks WHERE lease_id = :lease"))
    assert "Seq Scan" not in str(await plan_of(connection, "SELECT FROM webhooks WHERE id = :id"))
    assert await plan_of(connection, "SELECT what follows is no SQL") is None
