"""The use cases: register a submission, and request its execution."""

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from api_service import budget
from api_service.auth import Principal
from api_service.budget import Budget
from api_service.new_submission import NewSubmission, Object
from api_service.problems import Problem
from api_service.recipients import ALL_RECIPIENTS, Recipients
from api_service.turns import Turns
from shared import budgets, channels
from shared.addresses import canonical, domain_of
from shared.broker.base import QUEUE
from shared.database.connection import Connection, Database, Record
from shared.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)

# Writes the request, and the outbox row as `shared.outbox.add` does, in one round trip for speed. The first run of a
# submission with a receipt orders the receipt. A blocked submission can be run by API v1 only.
_REQUEST: Final = """
    WITH requested AS (
        UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now(), runs = runs + 1, outcome = NULL,
            verdict = NULL, override = CAST(:override AS jsonb)
        WHERE id = :id AND (enable = 0 OR NOT :enable_binds) AND request_id IS NULL AND (:sees_all OR owner = :owner)
            AND NOT EXISTS (SELECT FROM quarantine WHERE quarantine.sha256 = uploads.sha256)
        RETURNING id, email, request_id, runs, spec,
            runs = 1 AND email IS NOT NULL AND spec @> '{"receipt": true}' AS has_receipt
    ), queued AS (
        INSERT INTO outbox (queue, body, headers)
        SELECT :queue, CAST(id AS text), jsonb_build_object('message_id', CAST(request_id AS text)) FROM requested
    ), receipt AS (
        INSERT INTO emails (kind, upload, locale)
        SELECT 'receipt', id, spec ->> 'locale' FROM requested WHERE has_receipt RETURNING pg_notify(:emails, '')
    )
    SELECT email, request_id, runs, has_receipt, pg_notify(:submissions, CAST(id AS text)),
        (SELECT count(*) FROM receipt) AS receipts
    FROM requested
"""

_CHOOSE: Final = """
    SELECT coalesce(CAST(:id AS bigint), (
        -- The sequence may reach many ids that clients have chosen, but each of them only once.
        SELECT next.id FROM generate_series(1, 10000) AS nth CROSS JOIN LATERAL (
            SELECT nextval(pg_get_serial_sequence('uploads', 'id')) + 0 * nth AS id OFFSET 0
        ) AS next
        WHERE (SELECT true FROM uploads WHERE uploads.id = next.id) IS NULL
            AND (SELECT true FROM deleted_uploads WHERE deleted_uploads.id = next.id) IS NULL
        LIMIT 1
    )) AS id OFFSET 0
"""
_INSERT: Final = f"""
    INSERT INTO uploads (id, email, inputs, language, enable, filename, object_key, size_bytes, sha256, owner,
        idempotency_key, spec, files, expected_output, tests, metadata, webhook_url, batch)
    SELECT chosen.id, :email, :inputs, :language, :enable, :filename, coalesce(:object_key, chosen.id || :suffix),
        :size_bytes, :sha256, :owner, :idempotency_key, CAST(:spec AS jsonb), CAST(:files AS jsonb), :expected_output,
        CAST(:tests AS jsonb), CAST(:metadata AS jsonb), :webhook_url, :batch
    FROM ({_CHOOSE}) AS chosen WHERE chosen.id IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING id, created_at
"""  # noqa: S608  (constants)
# Registers a submission and requests its run in one round trip. No client knows its id yet, so none is notified.
_INSERT_AND_REQUEST: Final = f"""
    WITH created AS (
        INSERT INTO uploads (id, email, inputs, language, enable, filename, object_key, size_bytes, sha256, owner,
            idempotency_key, spec, files, expected_output, tests, metadata, webhook_url, batch, request_id,
            requested_at, runs)
        SELECT chosen.id, :email, :inputs, :language, :enable, :filename, coalesce(:object_key, chosen.id || :suffix),
        :size_bytes, :sha256, :owner, :idempotency_key, CAST(:spec AS jsonb), CAST(:files AS jsonb), :expected_output,
            CAST(:tests AS jsonb), CAST(:metadata AS jsonb), :webhook_url, :batch, gen_random_uuid(), now(), 1
        FROM ({_CHOOSE}) AS chosen
        WHERE chosen.id IS NOT NULL AND NOT EXISTS (SELECT FROM quarantine WHERE quarantine.sha256 = :sha256)
        ON CONFLICT DO NOTHING RETURNING id, created_at, request_id, email, spec
    ), queued AS (
        INSERT INTO outbox (queue, body, headers)
        SELECT :queue, CAST(id AS text), jsonb_build_object('message_id', CAST(request_id AS text)) FROM created
    ), receipt AS (
        INSERT INTO emails (kind, upload, locale)
        SELECT 'receipt', id, spec ->> 'locale' FROM created
        WHERE email IS NOT NULL AND spec @> '{{"receipt": true}}' RETURNING pg_notify(:emails, '')
    )
    SELECT id, created_at, (SELECT count(*) FROM receipt) AS receipts FROM created
"""  # noqa: S608

#: The folder of the files of API v1 in the object store, and how many of a batch are stored at once.
_FOLDER: Final = "sources"
_FILES_AT_ONCE: Final = 8

#: Does something at the end of the transaction that has stored a submission or a request, given its id or number.
Settle = Callable[[Connection, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A submission that was stored: the values of its row."""

    id: int
    created_at: datetime
    values: Mapping[str, Any]


class Quarantined(Problem):
    """The source of a submission may not run."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(
            status,
            "This program may not run, because it has stopped an engine or a runner before: ask the operator to release"
            " it, or send another program.",
        )


class RunUnderWay(Problem):
    """Another run of the submission has not ended."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.CONFLICT, "A run of this submission is under way: wait until it has ended, or cancel it."
        )


@dataclass(frozen=True, slots=True)
class Submissions:
    """Registers submissions, and requests their execution.

    A key reaches only its own submissions; `admin` reaches all. Budgets are per hour and do not apply to `admin`.
    `recipients` applies to all.
    """

    database: Database
    store: ObjectStore
    key_budget: int
    recipient_budget: int
    domain_budget: int = 60_000
    key_bytes: int = 1 << 30
    key_cpu_seconds: int = 36_000
    recipients: Recipients = ALL_RECIPIENTS
    turns: Turns = field(default_factory=lambda: Turns(2))

    async def register(self, principal: Principal, new: NewSubmission, idempotency_key: str | None = None) -> int:
        """Store a submission of a classic call, and return its id. For a repeated `idempotency_key`, the first id.

        Raises `Problem`: 409 if the chosen id is taken or the idempotency key came with another submission, 422 if the
        address may not be mailed, 429 if a budget is used up.

        The file is stored inside the transaction. If two requests choose one id, the second waits for the row of the
        first and never touches its file. A crash can leave a file without a row. The next submission with its id
        replaces it.
        """
        sha256 = hashlib.sha256(new.source.data).hexdigest()
        async with self.turns.take(principal), self.database.transaction() as connection:
            await self._check(connection, principal, [new])
            while (
                stored := await _insert(connection, principal, new, sha256, idempotency_key=idempotency_key)
            ) is None:
                if idempotency_key is not None:
                    earlier = await _find_earlier(connection, principal, idempotency_key)
                    if earlier is not None:
                        return _id_of_same(earlier, new, sha256)
                if new.id is not None:
                    raise _taken(new.id)
                # Clients have chosen all ids that the sequence gave, perhaps one of them just now. Try its next.
            # The insertion waits for a deletion of the same id, which this statement therefore sees.
            if new.id is not None and await _is_deleted(connection, new.id):
                raise _taken(new.id)
            await self._store([(f"{stored.id}{new.source.suffix}", new.source)])
        return stored.id

    async def post(self, principal: Principal, new: NewSubmission, settle: Settle | None = None) -> Stored:
        """Store a submission of API v1, and request its run unless it is held.

        Raises `Problem`: 422 if the address may not be mailed or the source is in quarantine, 429 if a budget is used
        up.
        """
        async with self.turns.take(principal):
            if settle is None and principal.sees_all:
                # Without budgets there is nothing to undo, and a single statement needs no explicit transaction.
                self._check_recipient(principal, new.email)
                async with self._objects([new]) as [key], self.database.connection() as connection:
                    return await _insert_named(connection, principal, new, key)
            async with self.database.transaction() as connection:
                [stored] = await self.add(connection, principal, [new])
                if settle is not None:
                    await settle(connection, stored.id)
        return stored

    async def add(
        self, connection: Connection, principal: Principal, new: Sequence[NewSubmission], *, has_digest: bool = False
    ) -> list[Stored]:
        """Store submissions of API v1 in the caller's transaction. Raises as `post` does.

        With `has_digest`, each address gets one mail for all of them.
        """
        await self._check(connection, principal, new, has_digest=has_digest)
        async with self._objects(new) as keys:
            return [await _insert_named(connection, principal, one, key) for one, key in zip(new, keys, strict=True)]

    async def _check(
        self, connection: Connection, principal: Principal, new: Sequence[NewSubmission], *, has_digest: bool = False
    ) -> None:
        """Take what these submissions cost from the budgets. Raises `Problem` (422 or 429)."""
        for one in new:
            self._check_recipient(principal, one.email)
        if not principal.sees_all:
            await self._check_run_seconds(connection, principal)
            await budget.take(connection, self._budgets(principal, new, has_digest=has_digest))

    @asynccontextmanager
    async def _objects(self, new: Sequence[NewSubmission]) -> AsyncIterator[list[str]]:
        """Store the files of submissions before their rows, and yield their keys.

        The keys are random, so that no file is replaced and none needs to know its row. If the submissions are refused,
        the files are removed. A crash can leave files without rows. After any other error it is unknown whether the
        rows were stored, so the files stay.
        """
        keys = [f"{_FOLDER}/{uuid4().hex}{one.source.suffix}" for one in new]
        await self._store(list(zip(keys, (one.source for one in new), strict=True)))
        try:
            yield keys
        except Problem:
            for key in keys:
                await self.store.delete(key)
            raise

    async def _store(self, objects: Sequence[tuple[str, Object]]) -> None:
        """Store files, a few at once."""
        left = iter(objects)

        async def store_some() -> None:
            for key, source in left:
                await self.store.put(key, source.data, content_type=source.content_type)

        storing = [asyncio.create_task(store_some()) for _ in range(min(len(objects), _FILES_AT_ONCE) - 1)]
        try:
            await store_some()
            await asyncio.gather(*storing)
        finally:
            for task in storing:
                task.cancel()
            await asyncio.gather(*storing, return_exceptions=True)

    async def request_execution(self, principal: Principal, upload_id: int) -> bool | None:
        """Request the execution of an upload, as the classic call does. Return True if a request is under way.

        Return None if there is no such upload, False if it is blocked or its source is in quarantine. While a request
        is under way, another one changes nothing and costs nothing.

        Raises `Problem`: 422 if the address may not be mailed any more, 429 if a budget of the key, the recipient or
        the recipient's domain is used up.
        """
        # Without limits there is nothing to undo, and a single statement needs no explicit transaction.
        async with (
            self.turns.take(principal),
            self.database.transaction() if self._is_limited(principal) else self.database.connection() as connection,
        ):
            if await self._request(connection, principal, upload_id, None, enable_binds=True) is None:
                row = await _find(connection, principal, upload_id)
                return None if row is None else bool(row["enable"] == 0 and not row["is_quarantined"])
        return True

    async def request_run(
        self,
        principal: Principal,
        upload_id: int,
        override: Mapping[str, Any] | None = None,
        settle: Settle | None = None,
    ) -> int:
        """Request a run of a submission, and return the run's number. `override` has its own stdin, args and limits.

        Raises `RunUnderWay` (409), `Quarantined` (409), or `Problem`: 404 if there is no such submission, 422 if the
        address may not be mailed any more, 429 if a budget is used up.
        """
        async with self.turns.take(principal), self.database.transaction() as connection:
            # Never NULL, by which the consumer knows that `enable` does not bind this run.
            number = await self._request(connection, principal, upload_id, override or {}, enable_binds=False)
            if number is None:
                row = await _find(connection, principal, upload_id)
                if row is None:
                    raise Problem(HTTPStatus.NOT_FOUND, "There is no such submission.")
                raise Quarantined(HTTPStatus.CONFLICT) if row["is_quarantined"] else RunUnderWay()
            if settle is not None:
                await settle(connection, number)
        return number

    async def _request(
        self,
        connection: Connection,
        principal: Principal,
        upload_id: int,
        override: Mapping[str, Any] | None,
        *,
        enable_binds: bool,
    ) -> int | None:
        """Request a run, and return its number; None if it cannot be requested now."""
        row = await connection.fetch_one(
            _REQUEST,
            {
                "id": upload_id,
                "queue": QUEUE,
                "submissions": channels.SUBMISSIONS,
                "emails": channels.EMAILS,
                "sees_all": principal.sees_all,
                "owner": principal.key_id,
                "override": None if override is None else _json(override),
                "enable_binds": enable_binds,
            },
        )
        if row is None:
            return None
        if self._is_limited(principal):
            self._check_recipient(principal, row["email"])
        if not principal.sees_all:
            await self._check_run_seconds(connection, principal)
            mails = 2 if row["has_receipt"] else 1
            await budget.take(connection, self._budgets_of_execution(principal, row["email"], mails))
        log.debug("execution.requested", request=str(row["request_id"]), upload=upload_id)
        number: int = row["runs"]
        return number

    def refusal(self, principal: Principal, email: str) -> str | None:
        """Return why an address may not be mailed, as a sentence; None if it may."""
        if not self.recipients.allows(email):
            return (
                "This server may not mail this address, because its operator allows only certain recipients: use one of"
                " them, or ask the operator to allow yours."
            )
        if not Recipients(principal.recipients).allows(email):
            return (
                "This API key may not send mail to this address, because it was created for certain recipients: use one"
                " of them, or use another key."
            )
        return None

    def _is_limited(self, principal: Principal) -> bool:
        return not principal.sees_all or self.recipients is not ALL_RECIPIENTS

    def _budgets(self, principal: Principal, new: Sequence[NewSubmission], *, has_digest: bool) -> list[Budget]:
        """Return the budgets of these submissions, each once."""
        total: dict[str, Budget] = {}
        for one in new:
            wanted = self._budgets_of_submission(principal, one.size_bytes)
            if not one.hold:
                results = 0 if has_digest else 1
                receipts = 1 if one.v1 and one.v1.spec.get("receipt") else 0
                wanted += self._budgets_of_execution(principal, one.email, results + receipts)
            for each in wanted:
                earlier = total.get(each.subject)
                total[each.subject] = replace(each, amount=each.amount + (earlier.amount if earlier else 0))
        if has_digest:
            for address in {one.email for one in new if one.email is not None}:
                for each in self._budgets_of_mail(principal, address, 1):
                    total[each.subject] = replace(each, amount=each.amount + total[each.subject].amount)
        return list(total.values())

    async def take_mail(self, connection: Connection, principal: Principal, email: str) -> None:
        """Take one mail from the budgets of an address. Raises `Problem`, as `request_execution` does."""
        self._check_recipient(principal, email)
        if not principal.sees_all:
            await budget.take(connection, self._budgets_of_mail(principal, email, 1))

    def budgets_of_key(self, principal: Principal) -> list[Budget]:
        """Return the budgets that belong to a key alone."""
        return [
            *self._budgets_of_submission(principal, 1),
            *self._budgets_of_execution(principal, None, 0),
            self._budget_of_run_seconds(principal),
        ]

    def budget_of_mails(self, principal: Principal) -> Budget:
        """Return the budget of a key's mails to one address. Its subject is the prefix of those of all addresses."""
        share = math.ceil(self.recipient_budget / 2)
        return Budget(f"share:{principal.key_id}:", share, "Mails of this key to one address", name="mails")

    def _budgets_of_submission(self, principal: Principal, size: int) -> list[Budget]:
        return [
            Budget(f"key:{principal.key_id}", self.key_budget, "This key's submissions", name="submissions"),
            Budget(
                f"bytes:{principal.key_id}", self.key_bytes, "Bytes of this key's sources and inputs", size, "bytes"
            ),
        ]

    def _budgets_of_execution(self, principal: Principal, email: str | None, mails: int) -> list[Budget]:
        """Return the budgets of one execution and its mails."""
        executions = Budget(
            f"executions:{principal.key_id}", self.key_budget, "Executions of this key's submissions", name="runs"
        )
        return [executions, *(self._budgets_of_mail(principal, email, mails) if email is not None else ())]

    def _budgets_of_mail(self, principal: Principal, email: str, mails: int) -> list[Budget]:
        """Return the budgets of mails to one address: those of its mailbox and its domain.

        A key gets at most half of a mailbox's budget, so that mails of other keys can still be sent.
        """
        address, domain, share = canonical(email), domain_of(email), self.budget_of_mails(principal)
        return [
            Budget(
                f"recipient:{address}", self.recipient_budget, "Mails to this address", mails, "mails", is_shared=True
            ),
            replace(share, subject=f"{share.subject}{address}", what="Mails of this key to this address", amount=mails),
            Budget(f"domain:{domain}", self.domain_budget, "Mails to this domain", mails, "mails", is_shared=True),
        ]

    async def _check_run_seconds(self, connection: Connection, principal: Principal) -> None:
        await budget.check(connection, self._budget_of_run_seconds(principal))

    def _budget_of_run_seconds(self, principal: Principal) -> Budget:
        assert principal.key_id is not None
        seconds = budgets.run_seconds(principal.key_id)
        what = "Seconds of run time of this key's programs"
        return Budget(seconds, self.key_cpu_seconds, what, name="run_seconds")

    def _check_recipient(self, principal: Principal, email: str | None) -> None:
        if email is not None and (refusal := self.refusal(principal, email)):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, refusal, field="email")


async def _find(connection: Connection, principal: Principal, upload_id: int) -> Record | None:
    """Return whether an upload is blocked and its source in quarantine; None if there is no such upload."""
    row = await connection.fetch_one(
        "SELECT enable, owner, quarantine.sha256 IS NOT NULL AS is_quarantined"
        " FROM uploads LEFT JOIN quarantine ON quarantine.sha256 = uploads.sha256 WHERE id = :id",
        {"id": upload_id},
    )
    return row if row is not None and (principal.sees_all or row["owner"] == principal.key_id) else None


async def _insert_named(connection: Connection, principal: Principal, new: NewSubmission, key: str) -> Stored:
    """Insert the row of a submission whose file is stored already. Raises `Quarantined`."""
    sha256 = hashlib.sha256(new.source.data).hexdigest()
    while (stored := await _insert(connection, principal, new, sha256, key=key)) is None:
        if not new.hold and await _is_quarantined(connection, sha256):
            raise Quarantined(HTTPStatus.UNPROCESSABLE_ENTITY)
        # A client has chosen the sequence's next id just now.
    return stored


async def _insert(
    connection: Connection,
    principal: Principal,
    new: NewSubmission,
    sha256: str,
    *,
    key: str | None = None,
    idempotency_key: str | None = None,
) -> Stored | None:
    """Insert a row. Return None if the id or the idempotency key is taken, or if it may not be run."""
    v1 = new.v1
    values: dict[str, object] = {
        "id": new.id,
        "email": new.email,
        "inputs": new.stdin,
        "language": new.language,
        "enable": new.enable,
        "filename": new.filename,
        "object_key": key,
        "suffix": new.source.suffix,
        "size_bytes": len(new.source.data),
        "sha256": sha256,
        "owner": principal.key_id,
        "idempotency_key": idempotency_key,
        "spec": v1 and _json(v1.spec),
        "files": v1 and _json(v1.files),
        "expected_output": v1 and v1.expected_output,
        "tests": _json(v1.tests) if v1 and v1.tests is not None else None,
        "metadata": _json(v1.metadata) if v1 and v1.metadata else None,
        "webhook_url": v1 and v1.webhook_url,
        "batch": v1 and v1.batch,
    }
    if new.hold:
        row = await connection.fetch_one(_INSERT, values)
    else:
        row = await connection.fetch_one(_INSERT_AND_REQUEST, {**values, "queue": QUEUE, "emails": channels.EMAILS})
    return Stored(row["id"], row["created_at"], values) if row else None


async def _is_quarantined(connection: Connection, sha256: str) -> bool:
    row = await connection.fetch_one("SELECT FROM quarantine WHERE sha256 = :sha256", {"sha256": sha256})
    return row is not None


async def _is_deleted(connection: Connection, upload_id: int) -> bool:
    return await connection.fetch_one("SELECT FROM deleted_uploads WHERE id = :id", {"id": upload_id}) is not None


async def _find_earlier(connection: Connection, principal: Principal, idempotency_key: str) -> Record | None:
    return await connection.fetch_one(
        "SELECT id, email, inputs, language, enable, sha256 FROM uploads"
        " WHERE coalesce(owner, 0) = :owner AND idempotency_key = :idempotency_key",
        {"owner": principal.key_id or 0, "idempotency_key": idempotency_key},
    )


def _id_of_same(earlier: Record, new: NewSubmission, sha256: str) -> int:
    """Return the id of an earlier submission. Raises `Problem` (409) if it is not the same."""
    fields = {"email": new.email, "inputs": new.stdin, "language": new.language, "enable": new.enable}
    if earlier["sha256"] != sha256 or any(earlier[name] != value for name, value in fields.items()):
        raise Problem(
            HTTPStatus.CONFLICT,
            "This Idempotency-Key was used for another submission: send a new key with each new submission.",
        )
    upload_id: int = earlier["id"]
    return upload_id


def _taken(upload_id: int) -> Problem:
    return Problem(HTTPStatus.CONFLICT, f"id {upload_id} is taken: choose another, or leave it out.")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
