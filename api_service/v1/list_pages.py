"""Finds the submissions of a page of the list, at a cost that does not grow with the number of stored submissions.

Some filters have an index, which leads to their rows in the order of the list. The other filters are checked row by
row, on a bounded number of rows. If that leaves a page short, `next` leads on from the last row that was looked at, so
no client misses a row. `metadata` has an index without that order, which is used if the page would be short.

The indexes begin with the key. For a sender that sees all, the rows of all keys are merged.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from api_service.v1.list_query import ListQuery
from shared.codex import Verdict
from shared.database.connection import Connection, Record
from shared.languages import ALIASES, check_lang

#: Rows of an index that one page looks at, if filters without an index are left.
_WINDOW: Final = 2000
#: The same for each key's part of an index.
_WINDOW_OF_KEY: Final = 250
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_RUNS: Final = "EXISTS (SELECT FROM job WHERE job.request_id = u.request_id AND job.status = 'executing')"
#: The condition of each state. A request is under way exactly while `request_id` is set.
_OF_STATE: Final = {
    "held": "u.request_id IS NULL AND u.outcome IS NULL",
    "queued": f"u.request_id IS NOT NULL AND NOT {_RUNS}",
    "running": f"u.request_id IS NOT NULL AND {_RUNS}",
    "finished": "u.request_id IS NULL AND u.outcome = 'finished'",
    "failed": "u.request_id IS NULL AND u.outcome = 'failed'",
    "cancelled": "u.request_id IS NULL AND u.outcome = 'cancelled'",
}
#: The condition of each state on `uploads_outcome_idx`. Only a finished submission has a verdict.
_BY_OUTCOME: Final = {
    "held": "u.outcome IS NULL AND u.verdict IS NULL",
    "failed": "u.outcome = 'failed' AND u.verdict IS NULL",
    "cancelled": "u.outcome = 'cancelled' AND u.verdict IS NULL",
}
_NEWEST_FIRST: Final = "created_at DESC, id DESC"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list: right behind the submission with this time and id."""

    created_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.created_at - _EPOCH) // _MICROSECOND}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        microseconds, _, upload = text.partition(":")
        return cls(_EPOCH + int(microseconds) * _MICROSECOND, int(upload))


@dataclass(frozen=True, slots=True)
class _Branch:
    """A part of an index. `order` are its columns before the time, `each` is what it is taken for once each."""

    condition: str
    order: str = ""
    each: str = ""
    relation: str = "uploads"


async def find(
    connection: Connection, query: ListQuery, *, owner: int | None, after: Position | None
) -> tuple[list[int], Position | None]:
    """Return the ids of a page, and the position from which the next one leads on (None: this is the last).

    With `owner`, only submissions of that key are found.
    """
    if query.verdict is not None and query.state not in (None, "finished"):
        return [], None
    filters, between = _filters(query), _between(query, after)
    branches, left = _branches(query, filters, owner)
    window = query.limit + 1 if not left else _WINDOW if len(branches) == 1 else _WINDOW_OF_KEY
    values = {**_values(query, owner, after), "window": window, "most": query.limit + 1}
    looked_at = _looked_at(branches, between, left)
    rows = await connection.fetch_all(
        f"SELECT id, created_at FROM ({looked_at}) AS looked_at WHERE fits ORDER BY {_NEWEST_FIRST} LIMIT :most",  # noqa: S608
        values,
    )
    if left and len(rows) <= query.limit:
        end = await connection.fetch_one(f"{looked_at} OFFSET :window - 1", values)
        if end is not None and query.metadata:
            rows = await connection.fetch_all(_by_metadata(filters, between, owner), values)
        elif end is not None:
            return [row["id"] for row in rows], _position(end)
    page = rows[: query.limit]
    return [row["id"] for row in page], _position(page[-1]) if len(rows) > query.limit else None


def _position(row: Record) -> Position:
    return Position(row["created_at"], row["id"])


def _filters(query: ListQuery) -> dict[str, str]:
    """Return the condition of each filter of the query."""
    conditions = {
        "batch": "u.batch = :batch" if query.batch is not None else "",
        "email": "lower(u.email) = lower(:email)" if query.email is not None else "",
        "language": "lower(btrim(u.language)) = ANY(:languages)" if query.language is not None else "",
        "state": _OF_STATE[query.state] if query.state is not None else "",
        "verdict": "u.outcome = 'finished' AND u.verdict = :verdict" if query.verdict is not None else "",
        "metadata": "u.metadata @> CAST(:metadata AS jsonb)" if query.metadata else "",
    }
    return {name: condition for name, condition in conditions.items() if condition}


def _branches(query: ListQuery, filters: Mapping[str, str], owner: int | None) -> tuple[list[_Branch], list[str]]:
    """Return the parts of an index that lead to the rows, and the conditions that they leave."""
    own = "u.owner = :owner" if owner is not None else "true"
    few = None
    if query.batch is not None:
        few = "uploads WHERE batch = :batch"
    elif query.state == "running":
        few = "uploads WHERE id IN (SELECT upload FROM job WHERE status = 'executing')"
    elif query.state == "queued":
        few = "uploads WHERE request_id IS NOT NULL"
    if few is not None:
        # OFFSET 0 keeps the planner from another index that has the order, but not the condition.
        relation = f"(SELECT * FROM {few}{' AND owner = :owner' if owner is not None else ''} OFFSET 0)"  # noqa: S608
        return [_Branch(_all(filters.values()), relation=relation)], []
    if query.email is not None:
        indexed = [_Branch(filters["email"])]
        used = {"email"}
    elif query.verdict is not None or query.state in _BY_OUTCOME:
        condition = filters["verdict"] if query.verdict is not None else _BY_OUTCOME[query.state or ""]
        indexed = [_Branch(condition, "u.outcome DESC, u.verdict DESC,")]
        # A submission under way has no outcome either, so `held` is left to be checked.
        used = {"verdict"} | ({"state"} if query.state != "held" else set())
    elif query.state == "finished" and owner is not None:
        order = "u.outcome DESC, u.verdict DESC,"
        indexed = [
            _Branch(
                "u.outcome = 'finished' AND u.verdict = verdict.name",
                order,
                "unnest(CAST(:verdicts AS text[])) AS verdict (name)",
            ),
            _Branch("u.outcome = 'finished' AND u.verdict IS NULL", order),
        ]
        used = {"state"}
    else:
        return [_Branch(own)], list(filters.values())
    left = [condition for name, condition in filters.items() if name not in used]
    return [one for branch in indexed for one in _of_owners(branch, owner)], left


def _of_owners(branch: _Branch, owner: int | None) -> list[_Branch]:
    """Return the branch for one key, or for each key and for what has none."""
    if owner is not None:
        return [_Branch(f"u.owner = :owner AND {branch.condition}", branch.order, branch.each)]
    order = f"u.owner DESC, {branch.order}"
    return [
        _Branch(f"u.owner = api_keys.id AND {branch.condition}", branch.order, "api_keys"),
        _Branch(f"u.owner IS NULL AND {branch.condition}", order),
    ]


def _looked_at(branches: Sequence[_Branch], between: str, left: Sequence[str]) -> str:
    """Return the statement that reads the first rows of the branches. `fits` is True for those that belong in it."""
    selects = []
    for branch in branches:
        rows = (
            f"(SELECT u.id, u.created_at, {_all(left)} AS fits FROM {branch.relation} AS u"  # noqa: S608
            f" WHERE {branch.condition} AND {between} ORDER BY {branch.order} u.created_at DESC, u.id DESC"
            " LIMIT :window)"
        )
        selects.append(
            f"(SELECT found.* FROM {branch.each} CROSS JOIN LATERAL {rows} AS found)"  # noqa: S608
            if branch.each
            else rows
        )
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) AS found ORDER BY {_NEWEST_FIRST} LIMIT :window"  # noqa: S608


def _by_metadata(filters: Mapping[str, str], between: str, owner: int | None) -> str:
    """Return the statement that reads a page from the index of the metadata."""
    own = ["u.owner = :owner"] if owner is not None else []
    return f"""
        WITH few AS MATERIALIZED (SELECT * FROM uploads u WHERE {filters["metadata"]} AND u.metadata IS NOT NULL)
        SELECT u.id, u.created_at FROM few u WHERE {_all([*filters.values(), between, *own])}
        ORDER BY {_NEWEST_FIRST} LIMIT :most
    """  # noqa: S608


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions) or "true"


def _between(query: ListQuery, after: Position | None) -> str:
    """Return the conditions on the time and the id, which order the list."""
    conditions = (
        "(u.created_at, u.id) < (:after_time, :after_id)" if after else "",
        "u.created_at > :created_after" if query.created_after else "",
        "u.created_at < :created_before" if query.created_before else "",
    )
    return _all(condition for condition in conditions if condition)


def _values(query: ListQuery, owner: int | None, after: Position | None) -> dict[str, object]:
    """Return the values of all parameters. Each statement has some of them."""
    return {
        "owner": owner,
        "after_time": after.created_at if after else None,
        "after_id": after.id if after else None,
        "created_after": _in_utc(query.created_after),
        "created_before": _in_utc(query.created_before),
        "batch": query.batch,
        "email": query.email,
        "languages": _names(query.language or ""),
        "verdict": query.verdict,
        "verdicts": [*Verdict],
        "metadata": json.dumps(query.metadata),
    }


def _in_utc(time: datetime | None) -> datetime | None:
    """Return the time in UTC. One that is in UTC beyond the first or last time becomes that."""
    if time is None:
        return None
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if time.year == 1 else datetime.max.replace(tzinfo=UTC)


def _names(language: str) -> list[str]:
    """Return all names of a language. A classic call stores the name that its sender wrote."""
    code = check_lang(language)
    return list(ALIASES[code]) if code else [language.strip().lower()]
