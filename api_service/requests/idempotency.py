"""`Idempotency-Key`: a POST that is sent twice is done once, and answered twice with the same answer.

A route of API v1 that posts ends with `once`, which calls its `work` and then its `render`:

- `content` is what was parsed, as a model or plain values, or its `digest`. `Prefer` and `wait` are no part of it.
- `work` returns the id or the number of what it made (or cancelled). Its transaction ends with `on_stored`, which marks
  the request as done. That raises `ApiError` (409) if another request has taken the key over.
- Checks of what the caller may see (404) come before `once`. Checks of state and limits (409, 429, 503) come inside
  `work`, because a repeated request is answered even if the state has changed since.
- `render` returns the answer, perhaps after a wait. It also runs for a repeated request whose first answer was lost
  with its process. Without an `Idempotency-Key`, `work` and `render` simply run.
- If what it was about is deleted, its answer is too, and a repeated request is answered with 410.

A request first commits a row with a claim. The row is removed if the work fails, so errors are not kept. A claim that
is not done within a minute belongs to a process that has died: the next request takes it over.
"""

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.requests.answers import JSON
from api_service.requests.prefer import NO_WAIT, Wait
from api_service.requests.threads import run_in_thread
from api_service.services import Services
from api_service.submissions.service import OnStored
from shared.adapters.database.connection import Connection, Record
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger
from shared.records.resources.kept_answers import KEPT_SECONDS

log = get_logger(__name__)

#: What was parsed, or its `digest`.
Content = BaseModel | Mapping[str, Any] | str | None

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"

#: Seconds after which a claim without an answer is taken over.
_CLAIM_SECONDS: Final = 60.0
#: Seconds within which an answer follows its work, besides the time for which the request may wait.
_ANSWER_SECONDS: Final = 5.0
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE: Final = re.compile(r"[!#-~][ -~]*")
_MAX_CHARACTERS: Final = 255

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
_MARK_DONE: Final = """
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


@dataclass
class Once:
    """A request whose work is done once, and then answered. Nothing of the work need be in memory by then.

    `location` is the path of what is made, with `{}` for its id. `wait` is how long the answer may wait.
    """

    request: Request
    services: Services
    principal: Principal
    status: HTTPStatus
    location: str | None = None
    wait: Wait = NO_WAIT
    #: The id or the number of what the work has made.
    made: int = field(init=False, default=0)
    #: The claim of the request on its key, as the statements have it; None if it has no key.
    _claim: dict[str, object] | None = field(init=False, default=None)
    #: The row of an earlier request with this key.
    _first: Record | None = field(init=False, default=None)

    async def is_first(self, content: Content) -> bool:
        """Return True if the work is to be done: there is no key, or no earlier request with it.

        Raises `ApiError`: 422 if the key is invalid or came with other content, 409 if its first request is under way.
        """
        key = key_of(self.request)
        if key is None:
            return True
        path = self.request.url.path
        self._claim = {"owner": self.principal.owner, "path": path, "key": key, "claim_id": str(uuid.uuid4())}
        # In a thread, because the content may be large.
        content_sha256 = content if isinstance(content, str) else await run_in_thread(digest, content)
        seconds = {"claim_seconds": _CLAIM_SECONDS, "kept_seconds": KEPT_SECONDS}
        while not await self._run(_CLAIM, content_sha256=content_sha256, **seconds):
            self._first = await self._run(_FIND, answer_seconds=_ANSWER_SECONDS)
            # There is none if the earlier request has failed just now.
            if self._first is not None:
                if self._first["content_sha256"] != content_sha256:
                    detail = "It came with other content before: send a new key with each new request."
                    raise invalid([Fault(detail, parameter=HEADER)], Kind.KEY_REUSED)
                return False
        return True

    @property
    def on_stored(self) -> OnStored | None:
        """Marks the request as done, at the end of the work's transaction; None if it has no key."""
        return self._mark_done if self._claim else None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Forget the request if the block fails and its work was not done."""
        try:
            yield
        except BaseException:
            if self._claim:
                try:
                    await asyncio.shield(self._run(_RELEASE))
                except TransientError as exc:
                    path = self.request.url.path
                    log.warning("idempotency.not_released", path=path, error=str(exc), taken_over_in_s=_CLAIM_SECONDS)
            raise

    async def answer(self, render: Callable[[int], Awaitable[BaseModel]]) -> Response:
        """Return the answer, or that of the first request with this key.

        Raises `ApiError`: 409 if that is not known yet, 410 if what it was about is deleted.
        """
        if self._first:
            response = await self._replay(self._first, render)
        else:
            body = (await render(self.made)).model_dump_json().encode()
            await self._store(body)
            response = Response(body, self.status, _headers(self._address(self.made)), JSON)
        response.headers.update(self.wait.headers)
        return response

    async def _run(self, sql: str, **values: object) -> Record | None:
        return await self.services.database.call(Connection.fetch_one, sql, {**(self._claim or {}), **values})

    async def _mark_done(self, connection: Connection, made: int) -> None:
        assert self._claim
        values = {"status": self.status.value, "made": made, "location": self._address(made)}
        seconds = {"wait_s": float(self.wait.seconds)}
        if not await connection.fetch_one(_MARK_DONE, {**self._claim, **values, **seconds}):
            raise _under_way()

    async def _replay(self, first: Record, render: Callable[[int], Awaitable[BaseModel]]) -> Response:
        body: bytes | None = first["body"]
        if first["status"] is not None and first["made"] is None:
            raise ApiError(
                Kind.GONE,
                "What the first request with this Idempotency-Key was about has been deleted; send a new key with each"
                " new request.",
            )
        if first["status"] is None or (body is None and first["is_awaited"]):
            raise _under_way()
        if body is None:
            body = (await render(first["made"])).model_dump_json().encode()
            await self._store(body, claim_id=str(first["claim_id"]))
        return Response(body, first["status"], {**_headers(first["location"]), REPLAYED: "true"}, JSON)

    async def _store(self, body: bytes, **claim: str) -> None:
        """Keep an answer before it is sent. If none is kept, a repeated request gets the current state."""
        if self._claim:
            try:
                await self._run(_STORE, body=body, **claim)
            except TransientError as exc:
                log.warning("idempotency.not_stored", path=self.request.url.path, error=str(exc))

    def _address(self, made: int) -> str | None:
        return self.services.signer.public_url + self.location.format(made) if self.location else None


async def once(
    request: Request,
    services: Services,
    principal: Principal,
    content: Content,
    work: Callable[[OnStored], Awaitable[int]],
    render: Callable[[int], Awaitable[BaseModel]],
    *,
    status: HTTPStatus,
    location: str | None = None,
    wait: Wait = NO_WAIT,
) -> Response:
    """Do the work and return its answer; for a repeated `Idempotency-Key`, return the first answer."""
    post = Once(request, services, principal, status, location, wait)
    if await post.is_first(content):
        async with post.working():
            post.made = await work(post.on_stored or _store_nothing)
    return await post.answer(render)


def key_of(request: Request) -> str | None:
    """Return the key of a request, without quotes; None if it has none. Raise `ApiError` (422) if it is not valid."""
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    text = values[0].strip(" \t")
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    else:
        key = text if _BARE.fullmatch(text) else ""
    if len(values) > 1 or not 1 <= len(key) <= _MAX_CHARACTERS:
        detail = f"It must be one text of 1 to {_MAX_CHARACTERS} printable ASCII characters, in quotes or without them."
        raise invalid([Fault(detail, parameter=HEADER)])
    return key


def digest(content: BaseModel | Mapping[str, Any] | None) -> str:
    """Return a hash of what was parsed. The order of keys makes no difference."""
    plain = content.model_dump() if isinstance(content, BaseModel) else content
    plain = to_jsonable_python(plain, bytes_mode="base64")
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


async def _store_nothing(_: Connection, __: int) -> None:
    pass


def _headers(location: str | None) -> dict[str, str]:
    return {"Location": location} if location else {}


def _under_way() -> ApiError:
    return ApiError(
        Kind.REQUEST_UNDER_WAY,
        "The first request with this Idempotency-Key has not been answered yet; send this one again in a second.",
        headers={"Retry-After": "1"},
    )
