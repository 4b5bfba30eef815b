"""Every statement that changes several rows locks them in one order, or skips locked rows, so there is no deadlock.

The statements are read from the sources: every string in the code, and the strings that modules build when loaded.
"""

import importlib
import re
from functools import cache
from typing import Final

from tests.sources import ROOT, SOURCES, texts

#: The order in which rows of a table are locked; jobs are in the order of their uploads, which are locked next.
ORDER: Final = {"job": "upload, id", "languages": "code", "suppressions": "email", "problem_objects": "sha256"}

#: The clauses that lock several rows in no order, and why they cannot deadlock.
REASONS: Final = {
    "DELETE FROM outbox WHERE id = ANY(:ids)": "the same transaction has locked these rows, skipping others",
    "DELETE FROM job WHERE upload = ANY(:ids)": "ended jobs, whose uploads the caller has locked (`remove_rows`)",
    "DELETE FROM uploads WHERE id = ANY(:ids)": "the caller has locked these rows, the cleaner skipping others",
    "DELETE FROM emails WHERE upload = ANY(:ids)": "a sender locks mails only, and waits for no other lock",
    "DELETE FROM emails WHERE job = ANY(:jobs)": "the same",
    "DELETE FROM webhooks WHERE upload = ANY(:ids)": "a sender locks webhooks only, and waits for no other lock",
    "DELETE FROM results WHERE job = ANY(:jobs)": "results of ended jobs, whose uploads the caller has locked",
    "DELETE FROM test_results WHERE job = ANY(:jobs)": "results of ended jobs, whose uploads the caller has locked",
    "DELETE FROM emails WHERE batch = ANY(:ids)": "the cleaner has locked the batches, skipping others",
    "DELETE FROM webhooks WHERE batch = ANY(:ids)": "the cleaner has locked the batches, skipping others",
    "UPDATE idempotency_keys SET made = NULL, body = NULL WHERE substring(path || '/' || CAST(made AS text),"
    " '^(/v1/(submissions|batches)/[0-9]+)') = ANY(CAST(:paths AS text[]))": "the caller has locked these uploads",
    "UPDATE uploads SET runs = greatest(uploads.runs, made.number), override = NULL, outcome = NULL, verdict = NULL,"
    " request_id = coalesce(uploads.request_id, CAST(made.request_id AS uuid)),"
    " requested_at = CASE WHEN uploads.request_id IS NULL THEN now() ELSE uploads.requested_at END"
    " FROM made WHERE uploads.id = made.upload": "the same transaction has locked these rows",
    "DELETE FROM problem_objects o WHERE sha256 = ANY(:sha256) AND NOT EXISTS (SELECT FROM problem_references WHERE"
    " problem_references.sha256 = o.sha256) RETURNING sha256": "the same transaction has locked these rows",
    "DELETE FROM problem_versions v WHERE id = ANY(:ids) AND NOT EXISTS (SELECT FROM uploads WHERE"
    " uploads.problem_version = v.id)": "the same transaction has locked these rows",
    "UPDATE problem_versions SET state = 'deleted' WHERE id = ANY(:ids)": "the same",
    "UPDATE problem_checks SET data = coalesce(data, '[]') || CAST(:fault AS jsonb), lease_id = NULL WHERE batch = :id"
    " AND state = 'running' AND NOT coalesce(data @> CAST(:fault AS jsonb), false)"
    " RETURNING pg_notify(:batches, CAST(batch AS text)), pg_notify(:checks, '')": "a batch has one check",
    "DELETE FROM batches WHERE id = ANY(:ids)": "the cleaner has locked these rows, skipping others",
}

CHANGE: Final = re.compile(
    r"\b(?:UPDATE (?!SET\b|SKIP\b|OF\b)(?P<updated>\w+)(?: \w+)? SET|DELETE FROM (?P<deleted>\w+))\b"
)
ONE_ROW: Final = re.compile(r"\b(?:id|claim_id|lease_id|message_id|minute|sha256) = :\w+")
LOCK: Final = re.compile(r"FOR (?:NO KEY )?UPDATE(?: OF \w+)?(?P<skip> SKIP LOCKED)?")


@cache
def statements() -> dict[str, str]:
    """Return the strings that are SQL and change or lock rows, with blanks and comments normalized."""
    found: dict[str, str] = {}
    for path in SOURCES:
        if "migrations" in path.parts or path.is_relative_to(ROOT / "executor"):
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        loaded = (
            [value for value in vars(importlib.import_module(name)).values() if isinstance(value, str)]
            if path.name != "__main__.py"
            else []
        )
        for text in (*loaded, *texts(path)):
            sql = re.sub(r"\s+", " ", re.sub(r"--[^\n]*", " ", text)).strip()
            # A template is checked after it is filled in.
            if (CHANGE.search(sql) or LOCK.search(sql)) and re.search(r"\{(\w+)\}", sql) is None:
                found[sql] = str(path.relative_to(ROOT))
    return found


def clause(sql: str, start: int) -> str:
    """Return the text from `start` to the end of its parenthesis, or of the statement."""
    depth = 0
    for position in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if depth < 0:
            return sql[start:position]
    return sql[start:]


def named(sql: str) -> dict[str, str]:
    """Return the subqueries of a statement by their names: CTEs, and those in a FROM."""
    found = {
        match[1]: clause(sql, match.end()) for match in re.finditer(r"(?:WITH|,) (\w+) AS (?:MATERIALIZED )?\(", sql)
    }
    for match in re.finditer(r"(?:FROM|USING) \(", sql):
        inside = clause(sql, match.end())
        if alias := re.match(r"\) AS (\w+)", sql[match.end() + len(inside) :]):
            found[alias[1]] = inside
    return found


def has_one_row(part: str) -> bool:
    """True if the condition of a clause is a key of its table. Names are keys of problems alone."""
    where = part.partition(" WHERE ")[2]
    names_problem = re.search(r"(?:UPDATE|FROM) problems\b", part) and "name = :name" in where
    return bool(ONE_ROW.search(where) or names_problem)


def locks_in_order(part: str) -> bool:
    """True if a subquery locks its rows in the order of its table, or skips locked ones."""
    lock = LOCK.search(part)
    if lock is None:
        return False
    if lock["skip"] or has_one_row(part):
        return True
    table = re.search(r"FROM (\w+)", part)
    order = re.search(r"ORDER BY ([\w., ]+?) (?:LIMIT|FOR)", part)
    assert table is not None
    return order is not None and re.sub(r"\w+\.", "", order[1]) == ORDER.get(table[1], "id")


def is_safe(part: str, parts: dict[str, str]) -> bool:
    """True if a clause changes one row, or rows that its subquery has locked in order."""
    if has_one_row(part):
        return True
    sources = [parts[name] for name in re.findall(r"(?:FROM|USING|JOIN|,|\) AS) (\w+)", part) if name in parts]
    return any(locks_in_order(source) or is_safe(source, parts) for source in sources if source is not part)


def unsafe() -> dict[str, str]:
    found: dict[str, str] = {}
    for sql, path in statements().items():
        parts = named(sql)
        for change in CHANGE.finditer(sql):
            # "ON CONFLICT ... DO UPDATE SET" does not match; it locks only the conflicting row.
            part = clause(sql, change.start())
            if not is_safe(part, parts):
                found[part] = path
        for lock in LOCK.finditer(sql):
            around = [part for part in (*parts.values(), sql) if lock[0] in part]
            if not any(locks_in_order(part) for part in around):
                found[sql] = path
    return found


def test_statements_lock_several_rows_in_order() -> None:
    assert {part: path for part, path in unsafe().items() if part not in REASONS} == {}


def test_every_exception_still_exists() -> None:
    assert set(REASONS) <= set(unsafe())
