"""The rows of submissions and of requests, as the use cases write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api_service.access.principal import Principal
from api_service.submissions.new_submission import JSON_COLUMNS, NewSubmission, Object, as_json
from shared.adapters.broker.outbox import adding
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Record

# Writes the request and the outbox row in one round trip for speed. The first run of a submission with a receipt orders
# the receipt. A blocked submission can be run by API v1 only.
_REQUEST: Final = f"""
    WITH requested AS (
        UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now(), runs = runs + 1, outcome = NULL,
            verdict = NULL, override = CAST(:override AS jsonb)
        WHERE id = :id AND (enable = 0 OR NOT :enable_binds) AND request_id IS NULL AND (:sees_all OR owner = :owner)
        RETURNING id, email, request_id, runs, spec,
            runs = 1 AND email IS NOT NULL AND spec @> '{{"receipt": true}}' AS has_receipt
    ), queued AS ({adding("requested")}), receipt AS (
        INSERT INTO emails (kind, upload, locale)
        SELECT 'receipt', id, spec ->> 'locale' FROM requested WHERE has_receipt RETURNING pg_notify(:emails, '')
    )
    SELECT email, request_id, runs, has_receipt, pg_notify(:submissions, CAST(id AS text)),
        (SELECT count(*) FROM receipt) AS receipts
    FROM requested
"""  # noqa: S608  (constants)

_FIND: Final = "SELECT enable, owner FROM uploads WHERE id = :id"
_FIND_DELETED: Final = "SELECT FROM deleted_uploads WHERE id = :id"
_CHOSEN: Final = "SELECT CAST(:id AS bigint) AS id"
#: The next id that is free.
_NEXT: Final = """
    SELECT (
        -- The sequence may reach many ids that clients have chosen, but each of them only once. In FROM, all numbers of
        -- a series would be made before the first is used.
        SELECT next.id FROM (SELECT generate_series(1, 10000) AS nth) AS tries CROSS JOIN LATERAL (
            SELECT nextval(pg_get_serial_sequence('uploads', 'id')) + 0 * nth AS id OFFSET 0
        ) AS next
        WHERE (SELECT true FROM uploads WHERE uploads.id = next.id) IS NULL
            AND (SELECT true FROM deleted_uploads WHERE deleted_uploads.id = next.id) IS NULL
        LIMIT 1
    ) AS id OFFSET 0
"""
#: The columns that the sender of a submission fills.
_SENT: Final = tuple(NewSubmission("", "", Object(b"", "")).columns)
_COLUMNS: Final = f"id, object_key, sha256, owner, {', '.join(_SENT)}"
#: A problem has the tests of its submissions.
_VALUES_OF: Final = {
    "tests": "coalesce(CAST(:tests AS jsonb),"
    " (SELECT nullif(tests, '[]') FROM problem_versions WHERE id = :problem_version))"
}
_VALUES: Final = ", ".join(
    ["chosen.id", "coalesce(:object_key, chosen.id || :suffix)", ":sha256", ":owner"]
    + [_VALUES_OF.get(name) or (f"CAST(:{name} AS jsonb)" if name in JSON_COLUMNS else f":{name}") for name in _SENT]
)
_INSERT: Final = f"""
    INSERT INTO uploads ({_COLUMNS})
    SELECT {_VALUES} FROM ({{id}}) AS chosen WHERE chosen.id IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING id, created_at, object_key
"""  # noqa: S608  (constants)
# Two statements: in a common one, the plan for a chosen id is so much cheaper that Postgres would plan at each call.
_INSERT_CHOSEN: Final = _INSERT.format(id=_CHOSEN)
_INSERT_NEXT: Final = _INSERT.format(id=_NEXT)
# Registers a submission and requests its run in one round trip. No client knows its id yet, so none is notified.
_INSERT_AND_REQUEST: Final = f"""
    WITH created AS (
        INSERT INTO uploads ({_COLUMNS}, request_id, requested_at, runs)
        SELECT {_VALUES}, gen_random_uuid(), now(), 1 FROM ({_NEXT}) AS chosen
        WHERE chosen.id IS NOT NULL
        ON CONFLICT DO NOTHING RETURNING id, created_at, object_key, request_id, email, spec
    ), queued AS ({adding("created")}), receipt AS (
        INSERT INTO emails (kind, upload, locale)
        SELECT 'receipt', id, spec ->> 'locale' FROM created
        WHERE email IS NOT NULL AND spec @> '{{"receipt": true}}' RETURNING pg_notify(:emails, '')
    )
    SELECT id, created_at, object_key, (SELECT count(*) FROM receipt) AS receipts FROM created
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Stored:
    id: int
    created_at: datetime


async def insert_all(
    connection: Connection, principal: Principal, new: Sequence[tuple[NewSubmission, str, str | None]]
) -> dict[str, Stored]:
    """Insert rows in one round trip, all of them held or none. Return them by their keys.

    Each submission comes with the SHA-256 of its source and its key, by default its id. Submissions whose ids are taken
    are left out.
    """
    values = [_values(principal, submission, sha256, key) for submission, sha256, key in new]
    rows = await connection.fetch_each(_statement(new[0][0]), values)
    return {key: Stored(row["id"], row["created_at"]) for row in rows if (key := row["object_key"])}


def _statement(new: NewSubmission) -> str:
    if not new.hold:
        return _INSERT_AND_REQUEST
    return _INSERT_NEXT if new.id is None else _INSERT_CHOSEN


def _values(principal: Principal, new: NewSubmission, sha256: str, key: str | None) -> dict[str, object]:
    return {
        **new.columns,
        "id": new.id,
        "object_key": key,
        "suffix": new.source.suffix,
        "sha256": sha256,
        "owner": principal.key_id,
        "emails": channels.EMAILS,
    }


async def is_deleted(connection: Connection, upload_id: int) -> bool:
    return await connection.fetch_one(_FIND_DELETED, {"id": upload_id}) is not None


async def request(
    connection: Connection,
    principal: Principal,
    upload_id: int,
    override: Mapping[str, Any] | None,
    *,
    enable_binds: bool,
) -> Record | None:
    """Request a run. Return None if there is no such upload, or if it cannot be run now."""
    values = {
        "id": upload_id,
        "submissions": channels.SUBMISSIONS,
        "emails": channels.EMAILS,
        "sees_all": principal.sees_all,
        "owner": principal.key_id,
        "override": None if override is None else as_json(override),
        "enable_binds": enable_binds,
    }
    return await connection.fetch_one(_REQUEST, values)


async def find(connection: Connection, principal: Principal, upload_id: int) -> Record | None:
    """Return `enable` of an upload; None if the sender has no such upload."""
    row = await connection.fetch_one(_FIND, {"id": upload_id})
    return row if row is not None and (principal.sees_all or row["owner"] == principal.key_id) else None
