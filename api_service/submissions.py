"""The use cases: register a submission, and request its execution."""

import hashlib
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from api_service import budget
from api_service.auth import Principal
from api_service.budget import Budget
from api_service.problems import Problem
from api_service.recipients import ALL_RECIPIENTS, Recipients
from api_service.schemas import SourceFile, Upload
from api_service.turns import Turns
from shared import budgets
from shared.addresses import canonical, domain_of
from shared.broker.base import QUEUE
from shared.database.connection import Connection, Database, Record
from shared.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)

# Writes the request, and the outbox row as `shared.outbox.add` does, in one round trip for speed.
_REQUEST: Final = """
    WITH requested AS (
        UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now()
        WHERE id = :id AND enable = 0 AND request_id IS NULL AND (:sees_all OR owner = :owner)
            AND NOT EXISTS (SELECT FROM quarantine WHERE quarantine.sha256 = uploads.sha256)
        RETURNING id, email, request_id
    ), queued AS (
        INSERT INTO outbox (queue, body, headers)
        SELECT :queue, CAST(id AS text), jsonb_build_object('message_id', CAST(request_id AS text)) FROM requested
    )
    SELECT email, request_id FROM requested
"""


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

    async def register(
        self, principal: Principal, upload: Upload, file: SourceFile, idempotency_key: str | None = None
    ) -> int:
        """Store a submission and return its id. For a repeated `idempotency_key`, return the first id.

        Raises `Problem`: 409 if the chosen id is taken or the idempotency key came with another submission, 422 if the
        address may not be mailed, 429 if a budget of the key is used up.

        The file is stored inside the transaction. If two requests choose one id, the second waits for the row of the
        first and never touches its file. A crash can leave a file without a row. The next submission with its id
        replaces it.
        """
        self._check_recipient(principal, upload.email)
        sha256 = hashlib.sha256(file.data).hexdigest()
        async with self.turns.take(principal), self.database.transaction() as connection:
            if not principal.sees_all:
                await self._check_run_seconds(connection, principal)
                size = len(file.data) + len(upload.inputs.encode())
                await budget.take(connection, self._budgets_of_submission(principal, size))
            while True:
                upload_id = await _insert(connection, principal, upload, file, sha256, idempotency_key)
                if upload_id is not None:
                    break
                if idempotency_key is not None:
                    earlier = await _find_earlier(connection, principal, idempotency_key)
                    if earlier is not None:
                        return _id_of_same(earlier, upload, sha256)
                if upload.id is not None:
                    raise Problem(HTTPStatus.CONFLICT, f"id {upload.id} is taken: choose another, or leave it out.")
                # Clients have chosen all ids that the sequence gave, perhaps one of them just now. Try its next.
            key = object_key(upload_id, file.extension)
            await self.store.put(key, file.data, content_type="text/plain; charset=utf-8")
        return upload_id

    async def request_execution(self, principal: Principal, upload_id: int) -> bool | None:
        """Request the execution of an upload. Return True if a request is under way.

        Return None if there is no such upload, False if it is blocked or its source is in quarantine. While a request
        is under way, another one changes nothing and costs nothing.

        Raises `Problem`: 422 if the address may not be mailed any more, 429 if a budget of the key, the recipient or
        the recipient's domain is used up.
        """
        is_limited = not principal.sees_all or self.recipients is not ALL_RECIPIENTS
        # Without limits there is nothing to undo, and a single statement needs no explicit transaction.
        async with (
            self.turns.take(principal),
            self.database.transaction() if is_limited else self.database.connection() as connection,
        ):
            row = await connection.fetch_one(
                _REQUEST, {"id": upload_id, "queue": QUEUE, "sees_all": principal.sees_all, "owner": principal.key_id}
            )
            if row is None:
                return await _why_not_requested(connection, principal, upload_id)
            if is_limited:
                self._check_recipient(principal, row["email"] or "")
            if not principal.sees_all:
                await self._check_run_seconds(connection, principal)
                await budget.take(connection, self._budgets_of_execution(principal, row["email"] or ""))
        log.debug("execution.requested", request=str(row["request_id"]), upload=upload_id)
        return True

    def _budgets_of_submission(self, principal: Principal, size: int) -> list[Budget]:
        return [
            Budget(f"key:{principal.key_id}", self.key_budget, "This key's submissions", name="submissions"),
            Budget(
                f"bytes:{principal.key_id}", self.key_bytes, "Bytes of this key's sources and inputs", size, "bytes"
            ),
        ]

    def _budgets_of_execution(self, principal: Principal, email: str) -> list[Budget]:
        """Return the budgets of one execution: those of its key, and of the recipient's mailbox and domain.

        A key gets at most half of a mailbox's budget, so that mails of other keys can still be sent.
        """
        key, address, domain = principal.key_id, canonical(email), domain_of(email)
        share = math.ceil(self.recipient_budget / 2)
        return [
            Budget(f"executions:{key}", self.key_budget, "Executions of this key's submissions", name="runs"),
            Budget(f"recipient:{address}", self.recipient_budget, "Mails to this address", 1, "mails", is_shared=True),
            Budget(f"share:{key}:{address}", share, "Mails of this key to this address", name="mails"),
            Budget(f"domain:{domain}", self.domain_budget, "Mails to this domain", 1, "mails", is_shared=True),
        ]

    async def _check_run_seconds(self, connection: Connection, principal: Principal) -> None:
        assert principal.key_id is not None
        seconds = budgets.run_seconds(principal.key_id)
        what = "Seconds of run time of this key's programs"
        await budget.check(connection, Budget(seconds, self.key_cpu_seconds, what, name="run_seconds"))

    def _check_recipient(self, principal: Principal, email: str) -> None:
        if not self.recipients.allows(email):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "This server may not mail this address, because its operator allows only certain recipients: use one of"
                " them, or ask the operator to allow yours.",
                field="email",
            )
        if not Recipients(principal.recipients).allows(email):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "This API key may not send mail to this address, because it was created for certain recipients: use one"
                " of them, or use another key.",
                field="email",
            )


def object_key(upload_id: int, extension: str) -> str:
    """Return the key of an upload's file in the object store: `{id}.{extension}`, as in the original."""
    return f"{upload_id}.{extension}" if extension else str(upload_id)


async def _why_not_requested(connection: Connection, principal: Principal, upload_id: int) -> bool | None:
    """Return None if there is no such upload, False if it is blocked, True if a request is under way already."""
    row = await connection.fetch_one(
        "SELECT enable, owner, quarantine.sha256 IS NOT NULL AS quarantined"
        " FROM uploads LEFT JOIN quarantine ON quarantine.sha256 = uploads.sha256 WHERE id = :id",
        {"id": upload_id},
    )
    if row is None or not (principal.sees_all or row["owner"] == principal.key_id):
        return None
    return bool(row["enable"] == 0 and not row["quarantined"])


async def _insert(
    connection: Connection,
    principal: Principal,
    upload: Upload,
    file: SourceFile,
    sha256: str,
    idempotency_key: str | None,
) -> int | None:
    """Insert a row and return its id, or None if the id or the idempotency key is taken."""
    row = await connection.fetch_one(
        """
        INSERT INTO uploads (id, email, inputs, language, enable, filename, object_key, size_bytes, sha256, owner,
            idempotency_key)
        SELECT chosen.id, :email, :inputs, :language, :enable, :filename, chosen.id || :suffix, :size_bytes, :sha256,
            :owner, :idempotency_key
        FROM (
            SELECT coalesce(CAST(:id AS bigint), (
                -- The sequence may reach many ids that clients have chosen, but each of them only once.
                SELECT next.id FROM generate_series(1, 10000) AS nth CROSS JOIN LATERAL (
                    SELECT nextval(pg_get_serial_sequence('uploads', 'id')) + 0 * nth AS id OFFSET 0
                ) AS next
                WHERE (SELECT true FROM uploads WHERE uploads.id = next.id) IS NULL LIMIT 1
            )) AS id OFFSET 0
        ) AS chosen WHERE chosen.id IS NOT NULL
        ON CONFLICT DO NOTHING RETURNING id
        """,
        {
            "id": upload.id,
            "email": upload.email,
            "inputs": upload.inputs,
            "language": upload.language,
            "enable": upload.enable,
            "filename": file.name,
            "suffix": f".{file.extension}" if file.extension else "",
            "size_bytes": len(file.data),
            "sha256": sha256,
            "owner": principal.key_id,
            "idempotency_key": idempotency_key,
        },
    )
    return row["id"] if row else None


async def _find_earlier(connection: Connection, principal: Principal, idempotency_key: str) -> Record | None:
    return await connection.fetch_one(
        "SELECT id, email, inputs, language, enable, sha256 FROM uploads"
        " WHERE coalesce(owner, 0) = :owner AND idempotency_key = :idempotency_key",
        {"owner": principal.key_id or 0, "idempotency_key": idempotency_key},
    )


def _id_of_same(earlier: Record, upload: Upload, sha256: str) -> int:
    """Return the id of an earlier submission. Raises `Problem` (409) if it is not the same."""
    fields = ("email", "inputs", "language", "enable")
    if earlier["sha256"] != sha256 or any(earlier[name] != getattr(upload, name) for name in fields):
        raise Problem(
            HTTPStatus.CONFLICT,
            "This Idempotency-Key was used for another submission: send a new key with each new submission.",
        )
    upload_id: int = earlier["id"]
    return upload_id
