"""Finds the submissions of a page of the list, at a cost that does not grow with the number of stored submissions.

Some filters have an index, which leads to their rows in the order of the list. The other filters are checked row by
row, on a bounded number of rows. If that leaves a page short, `next` leads on from the last row that was looked at, so
no client misses a row. `metadata` has an index without that order. It is used if the page would be short, and few rows
have that metadata.

The indexes begin with the key. For a sender that sees all, the rows of all keys are merged.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from api_service.v1.list_query import ListQuery
from shared.codex import Verdict
from shared.database.connection import Connection, Record
from shared.languages import ALIASES, check_lang

#: Rows of an index that one page looks at, if filters without an index are left.
_WINDOW: Final = 2000
#: The same, if each key's part of an index is read by itself.
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
    """A part of an index: the rows with these values of the index's first columns, by time and id.

    A value of None is NULL. `each` is what the values come from, if there are several. `relation` and `condition` take
    the place of the index for a few rows.
    """

    columns: Mapping[str, str | None] = field(default_factory=dict)
    each: str = ""
    relation: str = "uploads"
    condition: str = "true"

    @property
    def order(self) -> str:
        return ", ".join(f"{column} DESC" for column in (*self.columns, "u.created_at", "u.id"))

    def bounds(self, query: ListQuery, after: Position | None) -> str:
        """Return the conditions on the columns, the time and the id.

        They are comparisons of rows with one lower and one upper bound. With `=`, the planner may take another index
        that has the order too, and read many rows in which the value is rare.
        """
        columns = {name: value for name, value in self.columns.items() if value is not None}
        nulls = [f"{name} IS NULL" for name in self.columns if name not in columns]
        if nulls:
            nulls += [f"{name} = {value}" for name, value in columns.items()]
            columns = {}
        names, values = [*columns], [*columns.values()]
        lower = _compared(names, ">=", values) if columns else "true"
        upper = _compared(names, "<=", values) if columns else "true"
        if query.created_after is not None:
            lower = _compared([*names, "u.created_at"], ">", [*values, ":created_after"])
        is_before = query.created_before is not None
        if after is not None and not (is_before and after.created_at >= (_in_utc(query.created_before) or _EPOCH)):
            upper = _compared([*names, "u.created_at", "u.id"], "<", [*values, ":after_time", ":after_id"])
        elif is_before:
            upper = _compared([*names, "u.created_at"], "<", [*values, ":created_before"])
        return _all([*nulls, lower, upper, self.condition])


def _compared(columns: Sequence[str], operator: str, values: Sequence[str]) -> str:
    return f"({', '.join(columns)}) {operator} ({', '.join(values)})"


async def find(
    connection: Connection, query: ListQuery, *, owner: int | None, after: Position | None
) -> tuple[list[int], Position | None]:
    """Return the ids of a page, and the position from which the next one leads on (None: this is the last).

    With `owner`, only submissions of that key are found.
    """
    if query.verdict is not None and query.state not in (None, "finished"):
        return [], None
    filters = _filters(query)
    branches, left = _branches(query, filters, owner)
    window = query.limit + 1 if not left else _WINDOW if len(branches) == 1 else _WINDOW_OF_KEY
    values = {**_values(query, owner, after), "window": window, "most": query.limit + 1}
    looked_at, order = _looked_at(branches, left, query, after)
    rows = await connection.fetch_all(
        f"SELECT id, created_at FROM ({looked_at}) AS looked_at WHERE fits ORDER BY {order} LIMIT :most",  # noqa: S608
        values,
    )
    if left and len(rows) <= query.limit:
        end = await connection.fetch_one(f"{looked_at} OFFSET :window - 1", values)
        if end is not None and query.metadata:
            found = await connection.fetch_all(_by_metadata(filters, query, owner, after), values)
            if len(found) < window:
                end = None
                rows = sorted((row for row in found if row["fits"]), key=lambda row: (row["created_at"], row["id"]))[
                    ::-1
                ]
        if end is not None:
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
        return [_Branch(relation=relation, condition=_all(filters.values()))], []
    if query.email is not None:
        indexed, used = [_Branch({"lower(u.email)": "lower(:email)"})], {"email"}
    elif query.verdict is not None:
        indexed, used = [_by_outcome("'finished'", ":verdict")], {"verdict", "state"}
    elif query.state in ("failed", "cancelled"):
        # Only a finished submission has a verdict.
        indexed, used = [_by_outcome(f"'{query.state}'", None)], {"state"}
    elif query.state == "held":
        # A submission under way has no outcome either, so the state is left to be checked.
        indexed, used = [_by_outcome(None, None)], set()
    elif query.state == "finished" and owner is not None:
        verdicts = "unnest(CAST(:verdicts AS text[])) AS verdict (name)"
        indexed = [_by_outcome("'finished'", "verdict.name", verdicts), _by_outcome("'finished'", None)]
        used = {"state"}
    else:
        return [_Branch({"u.owner": ":owner"} if owner is not None else {})], list(filters.values())
    left = [condition for name, condition in filters.items() if name not in used]
    return [one for branch in indexed for one in _of_owners(branch, owner)], left


def _by_outcome(outcome: str | None, verdict: str | None, each: str = "") -> _Branch:
    return _Branch({"u.outcome": outcome, "u.verdict": verdict}, each)


def _of_owners(branch: _Branch, owner: int | None) -> list[_Branch]:
    """Return the branch for one key, or for each key and for what has none."""
    if owner is not None:
        return [replace(branch, columns={"u.owner": ":owner", **branch.columns})]
    return [
        replace(branch, columns={"u.owner": "api_keys.id", **branch.columns}, each="api_keys"),
        replace(branch, columns={"u.owner": None, **branch.columns}),
    ]


def _looked_at(
    branches: Sequence[_Branch], left: Sequence[str], query: ListQuery, after: Position | None
) -> tuple[str, str]:
    """Return the statement that reads the first rows of the branches, and its order, which is that of the list.

    `fits` is True for the rows that belong in the list. The order of one branch has the columns of its index, by which
    the planner knows that the rows come in that order. It then reads no more of them than a page needs.
    """
    selects = []
    for branch in branches:
        keys = "".join(f", {column} AS key_{nth}" for nth, column in enumerate(branch.columns))
        rows = (
            f"(SELECT u.id, u.created_at, {_all(left)} AS fits{keys} FROM {branch.relation} AS u"  # noqa: S608
            f" WHERE {branch.bounds(query, after)} ORDER BY {branch.order} LIMIT :window)"
        )
        selects.append(
            f"(SELECT found.* FROM {branch.each} CROSS JOIN LATERAL {rows} AS found)"  # noqa: S608
            if branch.each
            else rows
        )
    keys = "".join(f"key_{nth} DESC, " for nth in range(len(branches[0].columns))) if len(branches) == 1 else ""
    order = f"{keys}{_NEWEST_FIRST}"
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) AS found ORDER BY {order} LIMIT :window", order  # noqa: S608


def _by_metadata(filters: Mapping[str, str], query: ListQuery, owner: int | None, after: Position | None) -> str:
    """Return the statement that reads up to a window of rows with this metadata, in no order, from its index."""
    own = ["u.owner = :owner"] if owner is not None else []
    fits = _all([*filters.values(), _Branch().bounds(query, after), *own])
    # The join keeps the limit from the planner, which would else read the table until it has found enough rows.
    return f"""
        SELECT u.id, u.created_at, {fits} AS fits FROM (
            SELECT found.* FROM (
                SELECT * FROM uploads u WHERE {filters["metadata"]} AND u.metadata IS NOT NULL OFFSET 0
            ) AS found CROSS JOIN (SELECT 1 OFFSET 0) AS one LIMIT :window
        ) AS u
    """  # noqa: S608


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions) or "true"


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
    """Return the time in UTC. If Python cannot express it, return the first or last time that it can."""
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
