"""Each statement finds its rows by an index, so its cost does not grow with the rows that are stored (P7).

The statements are read from the sources, as in `tests/unit/test_lock_order.py`.
"""

import importlib
import re
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Final, TypeAlias

import asyncpg
import pytest

from shared.adapters.database.connection import numbered
from tests.sources import ROOT, SOURCES, texts

#: Tables with rows for each submission or file of a problem, which stay for as long as the operator keeps them.
LARGE: Final = frozenset(
    {
        *("uploads", "job", "results", "test_results", "emails", "webhooks", "batches", "messages"),
        *("idempotency_keys", "deleted_uploads", "judge0_submissions", "jobe_files"),
        *("problem_versions", "problem_objects", "problem_references"),
    }
)
#: The beginnings of statements that read whole tables, and why they may.
REASONS: Final = {
    "SELECT 'outbox' AS place, 'waiting' AS state": "`precieux queue` counts the rows of all states",
    "SELECT lower(email) AS email FROM uploads UNION": "`precieux forget` compares all addresses",
    "SELECT id FROM uploads WHERE lower(email) = ANY": "`precieux forget`",
    "SELECT count(*) AS count FROM emails LEFT JOIN uploads": "`precieux forget`",
    "WITH theirs AS MATERIALIZED ( SELECT id FROM emails WHERE lower(recipient)": "`precieux forget`",
}
#: The same for those that read whole indexes.
REASONS_OF_INDEXES: Final = {
    "SELECT job.id, job.upload, uploads.email, job.status": "`precieux jobs list` reads until it has enough",
    "SELECT e.id, CASE e.kind WHEN 'failure'": "`precieux mail list` reads until it has enough",
    "SELECT id, 'msg_' || replace(CAST(message_id AS text)": "`precieux webhooks list` reads until it has enough",
    "WITH chosen AS MATERIALIZED ( SELECT id FROM webhooks": "an operator's command, `precieux webhooks replay`",
    "SELECT CAST(d.request ->> 'language_id' AS int)": "Judge0's `statistics` counts all submissions",
    "SELECT id FROM batches b WHERE created_at <": "the cleaner reads all batches that are kept",
    "WITH theirs AS MATERIALIZED ( SELECT id FROM emails WHERE lower(recipient)": "`precieux forget`",
    "WITH theirs AS MATERIALIZED ( SELECT id FROM batches WHERE lower(digest_to)": "`precieux forget`",
    "SELECT id, kind, recipient, message_id FROM emails": "an id is unique, but the empty table is read in order",
}

PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_]\w*)")
PRIVILEGE: Final = r"[A-Z]+( \([\w, ]+\))?"
#: Neither the names of privileges, such as `SELECT, UPDATE (status)`, nor the condition of a policy.
SQL: Final = re.compile(rf"(?!{PRIVILEGE}(, {PRIVILEGE})*$|WITH CHECK)(SELECT|WITH|UPDATE|DELETE FROM|INSERT INTO)\b")
#: A filter that directly follows a scan: each row of the index is read. A condition of the index would come before it.
WHOLE_INDEX: Final = re.compile(r"Index (?:Only )?Scan (?:Backward )?using (\w+) on (\w+).*\n\s+Filter:")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """Yield a connection that reads a whole table only where no index serves, and plans for any parameters."""
    connection = await asyncpg.connect(database_url, statement_cache_size=0)
    await connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


@cache
def statements() -> set[str]:
    """Return the strings of the sources that may be SQL, with blanks and comments normalized."""
    return {sql for text in strings() if SQL.match(sql := re.sub(r"\s+", " ", re.sub(r"--[^\n]*", " ", text)).strip())}


def strings() -> Iterator[str]:
    """Yield the strings of the sources: those in the code, and those that modules build when loaded."""
    for path in SOURCES:
        if "migrations" in path.parts or path.is_relative_to(ROOT / "executor"):
            continue
        is_loaded = path.name != "__main__.py"
        if is_loaded:
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            yield from (value for value in vars(module).values() if isinstance(value, str))
        yield from texts(path, with_constants=not is_loaded)


async def plan_of(connection: Connection, sql: str) -> str | None:
    """Return the plan of a statement; None for a text that Postgres does not take for one."""
    statement, values = numbered(sql, dict.fromkeys(PARAMETER.findall(sql)))
    arguments = f"({', '.join('NULL' for _ in values)})" if values else ""
    try:
        await connection.execute(f"DEALLOCATE ALL; PREPARE one AS {statement}")
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE one{arguments}"))
    except asyncpg.PostgresError:
        return None


async def plans_of_all(connection: Connection) -> dict[str, str]:
    """Return the plans of all statements that are complete in the sources."""
    found: dict[str, str] = {}
    unread: set[str] = set()
    for sql in statements():
        if (plan := await plan_of(connection, sql)) is None:
            unread.add(sql)
        elif "{…}" not in sql:
            found[sql] = plan
    # Parts of these are inserted at run time, so their plans are not seen here.
    assert {sql for sql in unread if "{" not in sql} == set()
    assert len(unread) <= 18
    assert len(found) > 200
    return found


async def whole_indexes(connection: Connection, plan: str) -> frozenset[str]:
    """Return the large tables of which a plan reads all rows by an index. A partial index has few."""
    rows = await connection.fetch("SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indpred IS NOT NULL")
    partial = {row["name"] for row in rows}
    return LARGE.intersection(table for index, table in WHOLE_INDEX.findall(plan) if index not in partial)


async def test_no_statement_reads_a_whole_table(connection: Connection) -> None:
    found: dict[str, frozenset[str]] = {}
    for sql, plan in (await plans_of_all(connection)).items():
        whole = LARGE.intersection(re.findall(r"Seq Scan on (\w+)", plan))
        if whole and not sql.startswith(tuple(REASONS)):
            found[sql] = whole
    assert found == {}


async def test_no_statement_reads_a_whole_index(connection: Connection) -> None:
    found: dict[str, frozenset[str]] = {}
    # The migrations have counted its rows, and a plan for no rows reads all.
    await connection.execute("TRUNCATE uploads CASCADE")
    for sql, plan in (await plans_of_all(connection)).items():
        whole = await whole_indexes(connection, plan)
        if whole and not sql.startswith(tuple(REASONS_OF_INDEXES)):
            found[sql] = whole
    assert found == {}
