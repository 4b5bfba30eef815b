"""`Idempotency-Key`: a POST that is sent twice is done once, and answered twice with the same answer.

A route of API v1 that posts ends with `once`:

    content = await read_...(request)                   # 400, 413, 415, 422

    async def work(settle: Settle) -> int:
        async with services.database.transaction() as connection:
            made = await ...(connection, content)       # 409, 429, 503
            await settle(connection, made)              # the last statement of the transaction
        return made

    async def render(made: int) -> Submission:          # what was made, perhaps after a wait
        return await ...

    return await once(
        request, services, principal, content, work, render,
        status=HTTPStatus.CREATED, location="/v1/submissions/{}",
    )

- `content` is what was parsed, as a model or plain values, or its `digest`. `Prefer` and `wait` are no part of it.
- `made` is the id or the number of what was made (or cancelled).
- Checks of what the caller may see (404) come before `once`. Checks of state and budgets (409, 429, 503) come inside
  `work`, because a repeated request is answered even if the state has changed since.
- `on_stored` marks the request as done. It raises `Problem` (409) if another request has taken the key over, and the
  transaction is rolled back.
- If what it was about is deleted, its answer is too, and a repeated request is answered with 410.
- Without an `Idempotency-Key`, `work` and `render` simply run. `render` also runs for a repeated request whose first
  answer was lost with its process.

A request first commits a row with a claim. The row is removed if the work fails, so errors are not kept. A claim that
is not settled within a minute belongs to a process that has died: the next request takes it over.
"""

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from api_service.access.auth import Principal
from api_service.http.problems import Fault, Kind, Problem, invalid
from api_service.services import Services
from api_service.submissions.service import OnStored
from api_service.v1.protocol.answers import JSON, answer
from api_service.v1.protocol.threads import run_in_thread
from shared.database.connection import Connection, Database, Record
from shared.resources.kept_answers import KEPT_SECONDS
from shared.service.errors import TransientError
from shared.service.logging import get_logger

log = get_logger(__name__)

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"

#: Seconds after which a claim without an answer is taken over.
_CLAIM_SECONDS: Final = 60.0
#: Seconds within which an answer follows its work, besides the time for which the request may wait.
_ANSWER_SECONDS: Final = 5.0
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE: Final = re.compile(r"[!#-~][ -~]*")
_MOST_CHARACTERS: Final = 255

_CLAIM: Final = """
    INSERT INTO idempotency_keys AS k (owner, path, key, content_sha256, claim_id)
    VALUES (:owner, :path, :key, :content_sha256, CAST(:claim_id AS uuid))
    ON CONFLICT (owner, path, key) DO UPDATE SET content_sha256 = excluded.content_sha256,
        claim_id = excluded.claim_id, claimed_at = now(), created_at = now(),
        status = NULL, made = NULL, location = NULL, body = NULL
    WHERE (k.status IS NULL AND k.claimed_at < now() - make_interval(secs => :claim_seconds))
        OR k.created_at < now() - make_interval(secs => :kept_seconds)
    RETURNING claim_id
"""
_FIND: Final = """
    SELECT content_sha256, claim_id, status, made, location, body,
        claimed_at > now() - make_interval(secs => :answer_seconds) AS is_awaited
    FROM idempotency_keys WHERE owner = :owner AND path = :path AND key = :key
"""
# `claimed_at` becomes the time until which the answer may wait.
_SETTLE: Final = """
    UPDATE idempotency_keys SET status = :status, made = :made, location = :location,
        claimed_at = clock_timestamp() + make_interval(secs => :wait_s)
    WHERE owner = :owner AND path = :path AND key = :key AND claim_id = :claim_id AND status IS NULL
    RETURNING claim_id
"""
_STORE: Final = """
    UPDATE idempotency_keys SET body = :body
    WHERE owner = :owner AND path = :path AND key = :key AND claim_id = :claim_id AND body IS NULL
        AND made IS NOT NULL
"""
_RELEASE: Final = """
    DELETE FROM idempotency_keys
    WHERE owner = :owner AND path = :path AND key = :key AND claim_id = :claim_id AND status IS NULL
"""


@dataclass(frozen=True, slots=True)
class _Slot:
    """The place of a request among those with a key: whose it is, its path and its key."""

    database: Database
    owner: int
    path: str
    key: str

    @property
    def values(self) -> dict[str, object]:
        return {"owner": self.owner, "path": self.path, "key": self.key}

    async def run(self, sql: str, **values: object) -> Record | None:
        async with self.database.connection() as connection:
            return await connection.fetch_one(sql, {**self.values, **values})


async def once(
    request: Request,
    services: Services,
    principal: Principal,
    content: BaseModel | Mapping[str, Any] | str | None,
    work: Callable[[OnStored], Awaitable[int]],
    render: Callable[[int], Awaitable[BaseModel]],
    *,
    status: HTTPStatus,
    location: str | None = None,
    wait_s: float = 0,
) -> Response:
    """Do the work and return its answer; for a repeated `Idempotency-Key`, return the first answer.

    `location` is the path of what was made, with `{}` for its id. `wait_s` is the longest time that `render` may wait.

    Raises `Problem`: 422 if the key is not valid or came with other content, 409 if its first request is under way,
    410 if what it was about is deleted.
    """

    def place(made: int) -> str | None:
        return services.signer.public_url + location.format(made) if location else None

    key = key_of(request)
    if key is None:
        made = await work(_store_nothing)
        return answer(await render(made), status, _headers(place(made)))
    slot = _Slot(services.database, principal.key_id or 0, request.url.path, key)
    claim_id = str(uuid.uuid4())
    # In a thread, because the content may be large.
    content_sha256 = content if isinstance(content, str) else await run_in_thread(digest, content)
    first = await _claim(slot, claim_id, content_sha256)
    if first is not None:
        return await _replay(slot, first, render)

    async def on_stored(connection: Connection, made: int) -> None:
        settled = {"status": status.value, "made": made, "location": place(made), "wait_s": float(wait_s)}
        if not await connection.fetch_one(_SETTLE, {**slot.values, "claim_id": claim_id, **settled}):
            raise _under_way()

    try:
        made = await work(on_stored)
    except BaseException:
        await _release(slot, claim_id)
        raise
    body = (await render(made)).model_dump_json().encode()
    await _store(slot, claim_id, body)
    return Response(body, status, _headers(place(made)), JSON)


def key_of(request: Request) -> str | None:
    """Return the key of a request, without quotes; None if it has none. Raise `Problem` (422) if it is not valid."""
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    text = values[0].strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    else:
        key = text if _BARE.fullmatch(text) else ""
    if len(values) > 1 or not 1 <= len(key) <= _MOST_CHARACTERS:
        detail = (
            f"It must be one text of 1 to {_MOST_CHARACTERS} printable ASCII characters, in quotes or without them."
        )
        raise invalid([Fault(detail, parameter=HEADER)])
    return key


def digest(content: BaseModel | Mapping[str, Any] | None) -> str:
    """Return a hash of what was parsed. The order of keys makes no difference."""
    plain = content.model_dump() if isinstance(content, BaseModel) else content
    plain = to_jsonable_python(plain, bytes_mode="base64")
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


async def _store_nothing(_: Connection, __: int) -> None:
    pass


async def _claim(slot: _Slot, claim_id: str, content_sha256: str) -> Record | None:
    """Commit a claim and return None, or return the row of an earlier request."""
    claim = {"claim_id": claim_id, "content_sha256": content_sha256}
    while not await slot.run(_CLAIM, **claim, claim_seconds=_CLAIM_SECONDS, kept_seconds=KEPT_SECONDS):
        first = await slot.run(_FIND, answer_seconds=_ANSWER_SECONDS)
        # There is none if the earlier request has failed just now.
        if first is not None:
            if first["content_sha256"] != content_sha256:
                detail = "It came with other content before: send a new key with each new request."
                raise invalid([Fault(detail, parameter=HEADER)], Kind.KEY_REUSED)
            return first
    return None


async def _replay(slot: _Slot, first: Record, render: Callable[[int], Awaitable[BaseModel]]) -> Response:
    body: bytes | None = first["body"]
    if first["status"] is not None and first["made"] is None:
        raise Problem(
            Kind.GONE,
            "What the first request with this Idempotency-Key was about has been deleted; send a new key with each new"
            " request.",
        )
    if first["status"] is None or (body is None and first["is_awaited"]):
        raise _under_way()
    if body is None:
        body = (await render(first["made"])).model_dump_json().encode()
        await _store(slot, str(first["claim_id"]), body)
    return Response(body, first["status"], {**_headers(first["location"]), REPLAYED: "true"}, JSON)


async def _store(slot: _Slot, claim_id: str, body: bytes) -> None:
    """Keep an answer before it is sent. If none is kept, a repeated request gets the current state."""
    try:
        await slot.run(_STORE, claim_id=claim_id, body=body)
    except TransientError as exc:
        log.warning("idempotency.not_stored", path=slot.path, error=str(exc))


async def _release(slot: _Slot, claim_id: str) -> None:
    """Forget a request that failed before its work was done."""
    try:
        await asyncio.shield(slot.run(_RELEASE, claim_id=claim_id))
    except TransientError as exc:
        log.warning("idempotency.not_released", path=slot.path, error=str(exc), taken_over_in_s=_CLAIM_SECONDS)


def _headers(location: str | None) -> dict[str, str]:
    return {"Location": location} if location else {}


def _under_way() -> Problem:
    return Problem(
        Kind.REQUEST_UNDER_WAY,
        "The first request with this Idempotency-Key has not been answered yet; send this one again in a second.",
        headers={"Retry-After": "1"},
    )
