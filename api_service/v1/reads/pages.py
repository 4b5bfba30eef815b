"""Finds the submissions of a page of the list: one statement, the newest first, from the cursor's place on.

Postgres chooses the index: that of the key's newest submissions, or that of a filter.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from api_service.http.integers import MAX_ID
from api_service.requests.fields import MetadataName
from api_service.requests.validation import Strict
from shared.adapters.database.connection import Connection
from shared.engine_api.codex import STORED_VERDICTS
from shared.engine_api.languages import ALIASES, check_lang
from shared.records.problems import submitting

# A type checker does not know these.
if TYPE_CHECKING:
    _Verdict = str
else:
    _Verdict = Literal[tuple(map(str, STORED_VERDICTS))]


class ListQuery(Strict):
    """The page and the filters of a list of submissions. All filters must hold."""

    limit: int = Field(50, ge=1, le=200, description="The most submissions of a page.")
    cursor: str | None = Field(None, max_length=200, description="`next` of the page before.")
    email: str | None = Field(
        None, max_length=254, description="Only those with this address, in upper or lower case.", examples=["a@b.org"]
    )
    language: str | None = Field(
        None, max_length=100, description="Only those in this language: a code, a name or an alias.", examples=["py"]
    )
    state: Literal["held", "queued", "running", "finished", "failed", "cancelled"] | None = Field(
        None, description="Only those in this state."
    )
    verdict: _Verdict | None = Field(None, description="Only those whose latest run ended with this verdict.")
    batch: int | None = Field(None, ge=1, le=MAX_ID, description="Only those of the batch with this id.")
    problem: str | None = Field(
        None, max_length=100, description="Only those to this problem, `sum`, or to one version, `sum@3`."
    )
    created_after: datetime | None = Field(None, description="Only those that were made after this time.")
    created_before: datetime | None = Field(None, description="Only those that were made before this time.")
    metadata: dict[MetadataName, Annotated[str, Field(max_length=500)]] | None = Field(
        None, description="`metadata.NAME`: only those whose metadata has this text under NAME."
    )


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_RUNS: Final = "EXISTS (SELECT FROM job WHERE job.request_id = u.request_id AND job.status = 'executing')"
#: The condition of each state. A request is under way exactly while `request_id` is set.
_OF_STATE: Final = {
    "held": "u.request_id IS NULL AND u.outcome IS NULL AND u.verdict IS NULL",
    "queued": f"u.request_id IS NOT NULL AND NOT {_RUNS}",
    "running": f"u.request_id IS NOT NULL AND {_RUNS}",
    "finished": "u.outcome = 'finished'",
    "failed": "u.outcome = 'failed' AND u.verdict IS NULL",
    "cancelled": "u.outcome = 'cancelled' AND u.verdict IS NULL",
}
#: Columns that are NULL in all rows of a state, so that they do not change the order. Only the index of a key's
#: outcomes has them in its order. Without them the planner takes a state for as frequent under this key as it is under
#: all keys, and may read all that the key has to find a few (docs/adr/0026).
_ORDER_OF_STATE: Final = {
    "held": "u.outcome DESC, u.verdict DESC, ",
    "failed": "u.verdict DESC, ",
    "cancelled": "u.verdict DESC, ",
}
_OF_FILTER: Final = {
    "batch": "u.batch = :batch",
    "email": "lower(u.email) = lower(:email)",
    "language": "lower(btrim(u.language)) = ANY(:languages)",
    "verdict": "u.outcome = 'finished' AND u.verdict = :verdict",
    "problem": """u.problem_version = ANY(ARRAY(
        SELECT id FROM problem_versions v WHERE v.problem = :problem AND v.version = coalesce(:version, v.version)
    ))""",
    "created_after": "u.created_at > :created_after",
    "created_before": "u.created_at < :created_before",
    "metadata": "u.metadata @> CAST(:metadata AS jsonb) AND u.metadata IS NOT NULL",
}


@dataclass(frozen=True, slots=True)
class ListPosition:
    """A place in the list: right behind the submission with this time and id."""

    created_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.created_at - _EPOCH) // _MICROSECOND}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> "ListPosition":
        microseconds, _, upload = text.partition(":")
        return cls(_EPOCH + int(microseconds) * _MICROSECOND, int(upload))


async def find(
    connection: Connection, query: ListQuery, *, owner: int | None, after: ListPosition | None
) -> tuple[list[int], ListPosition | None]:
    """Return the ids of a page, and the position from which the next one leads on (None: this is the last).

    With `owner`, only submissions of that key are found.
    """
    # What names no version is the name of no problem.
    problem, version = submitting.reference(query.problem or "") or (query.problem, None)
    conditions = [condition for name, condition in _OF_FILTER.items() if getattr(query, name)]
    if query.state is not None:
        conditions.append(_OF_STATE[query.state])
    order = "u.created_at DESC, u.id DESC"
    if owner is not None:
        conditions.append("u.owner = :owner")
        order = _ORDER_OF_STATE.get(query.state or "", "") + order
    if after is not None:
        conditions.append("(u.created_at, u.id) < (:after_time, :after_id)")
    rows = await connection.fetch_all(
        f"SELECT u.id, u.created_at FROM uploads u WHERE {' AND '.join(conditions) or 'true'}"  # noqa: S608  (constants)
        f" ORDER BY {order} LIMIT :most",
        {
            **query.model_dump(include={"batch", "email", "verdict"}),
            "problem": problem,
            "version": version,
            "languages": _names(query.language or ""),
            "metadata": json.dumps(query.metadata),
            "created_after": _in_utc(query.created_after),
            "created_before": _in_utc(query.created_before),
            "owner": owner,
            "after_time": after and after.created_at,
            "after_id": after and after.id,
            "most": query.limit + 1,
        },
    )
    page = rows[: query.limit]
    return [row["id"] for row in page], ListPosition(page[-1]["created_at"], page[-1]["id"]) if len(
        rows
    ) > query.limit else None


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
