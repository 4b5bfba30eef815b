"""The use cases: register a submission, ask for its execution."""

import hashlib
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from api_service import budget
from api_service.auth import Principal
from api_service.budget import Budget
from api_service.problems import Problem
from api_service.recipients import EVERYBODY, Recipients
from api_service.schemas import SourceFile, Upload
from api_service.turns import Turns
from shared import budgets
from shared.addresses import canonical, domain_of
from shared.broker.base import QUEUE
from shared.database.connection import Connection, Database, Record
from shared.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)

# What `shared.outbox.add` writes, and the request that it tells, in one round trip: this is every execution's way.
_ASK: Final = """
    WITH asked AS (
        UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now()
        WHERE id = :id AND enable = 0 AND request_id IS NULL AND (:sees_all OR owner = :owner)
            AND NOT EXISTS (SELECT FROM quarantine WHERE quarantine.sha256 = uploads.sha256)
        RETURNING id, email, request_id
    ), told AS (
        INSERT INTO outbox (queue, body, headers)
        SELECT :queue, CAST(id AS text), jsonb_build_object('message_id', CAST(request_id AS text)) FROM asked
    )
    SELECT email, request_id FROM asked
"""


@dataclass(frozen=True, slots=True)
class Submissions:
    """Registers submissions and asks for their execution.

    A key reaches only its own submissions; `admin` reaches all. Budgets (per hour) bind all but `admin`. `recipients`
    binds all.
    """

    database: Database
    store: ObjectStore
    key_budget: int
    recipient_budget: int
    domain_budget: int = 60_000
    key_bytes: int = 1 << 30
    key_cpu_seconds: int = 36_000
    recipients: Recipients = EVERYBODY
    turns: Turns = field(default_factory=lambda: Turns(2))

    async def register(
        self, principal: Principal, upload: Upload, file: SourceFile, idempotency_key: str | None = None
    ) -> int:
        """Keep a submission; returns its id, and for a repeated `idempotency_key` the one that it got before.

        Raises `Problem`: 409 when the chosen id is taken or the idempotency key came with something else, 422 when
        the address may not be mailed, 429 when one of the key's budgets is used up.

        The file is stored inside the transaction: of two that choose one id, the second waits for the row of the
        first and never touches its file. A crash can leave a file without a row, which the next user of its id
        replaces.
        """
        self._check_recipient(principal, upload.email)
        sha256 = hashlib.sha256(file.data).hexdigest()
        async with self.turns.take(principal), self.database.transaction() as connection:
            if not principal.sees_all:
                await self._check_run_seconds(connection, principal)
                size = len(file.data) + len(upload.inputs.encode())
                await budget.take(
                    connection,
                    [
                        Budget(f"key:{principal.key_id}", self.key_budget, "This key's submissions"),
                        Budget(
                            f"bytes:{principal.key_id}", self.key_bytes, "Bytes of this key's sources and inputs", size
                        ),
                    ],
                )
            while True:
                upload_id = await _insert(connection, principal, upload, file, sha256, idempotency_key)
                if upload_id is not None:
                    break
                if idempotency_key is not None:
                    earlier = await _earlier(connection, principal, idempotency_key)
                    if earlier is not None:
                        return _same(earlier, upload, sha256)
                if upload.id is not None:
                    raise Problem(HTTPStatus.CONFLICT, f"id {upload.id} is taken: choose another, or leave it out.")
                # The sequence ran into ids that clients had chosen, and another one has taken the next free one.
            key = object_key(upload_id, file.extension)
            await self.store.put(key, file.data, content_type="text/plain; charset=utf-8")
        return upload_id

    async def ask_for_execution(self, principal: Principal, upload_id: int) -> bool | None:
        """Ask for the execution of an upload; None when there is no such upload, False when it is blocked or its source
        is in quarantine.

        While an earlier request is not answered yet, asking again changes nothing and costs nothing. Raises
        `Problem`: 422 when the address may not be mailed any more, 429 when a budget of the key, the recipient or the
        recipient's domain is used up.
        """
        bound = not principal.sees_all or self.recipients is not EVERYBODY
        # With nothing to undo, one statement is a transaction of its own.
        async with (
            self.turns.take(principal),
            self.database.transaction() if bound else self.database.connection() as connection,
        ):
            asked = await connection.fetch_one(
                _ASK, {"id": upload_id, "queue": QUEUE, "sees_all": principal.sees_all, "owner": principal.key_id}
            )
            if asked is None:
                return await _why_not_asked(connection, principal, upload_id)
            if bound:
                self._check_recipient(principal, asked["email"] or "")
            if not principal.sees_all:
                await self._check_run_seconds(connection, principal)
                await budget.take(connection, self._execution(principal, asked["email"] or ""))
        log.debug("execution.requested", request=str(asked["request_id"]), upload=upload_id)
        return True

    def _execution(self, principal: Principal, email: str) -> list[Budget]:
        """Return the budgets of one execution: its key's, and those of its mail's mailbox and domain.

        A key gets at most half of a mailbox's hour, so that no single key can use up all of it, and other keys' mails
        are still sent.
        """
        key, address, domain = principal.key_id, canonical(email), domain_of(email)
        share = math.ceil(self.recipient_budget / 2)
        return [
            Budget(f"executions:{key}", self.key_budget, "Executions of this key's submissions"),
            Budget(f"recipient:{address}", self.recipient_budget, "Mails to this address"),
            Budget(f"share:{key}:{address}", share, "Mails of this key to this address"),
            Budget(f"domain:{domain}", self.domain_budget, "Mails to this domain"),
        ]

    async def _check_run_seconds(self, connection: Connection, principal: Principal) -> None:
        assert principal.key_id is not None
        seconds = budgets.run_seconds(principal.key_id)
        await budget.check(
            connection, Budget(seconds, self.key_cpu_seconds, "Seconds for which this key's programs may run")
        )

    def _check_recipient(self, principal: Principal, email: str) -> None:
        if not self.recipients.allow(email):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "This server does not mail to this address, because its operator has named the recipients that may be"
                " mailed: send one of them, or ask the operator to add yours.",
            )
        if not Recipients(principal.recipients).allow(email):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "This API key may not have mail sent to this address, because its recipients were named when it was"
                " made: send one of them, or use another key.",
            )


def object_key(upload_id: int, extension: str) -> str:
    """Where an upload's file lies: `{id}.{extension}`, as in the original."""
    return f"{upload_id}.{extension}" if extension else str(upload_id)


async def _why_not_asked(connection: Connection, principal: Principal, upload_id: int) -> bool | None:
    """None without such an upload, False when it is blocked, True when it was asked for before."""
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
    """The new row's id; None when it, or the idempotency key, is taken."""
    row = await connection.fetch_one(
        """
        INSERT INTO uploads (id, email, inputs, language, enable, filename, object_key, size_bytes, sha256, owner,
            idempotency_key)
        SELECT chosen.id, :email, :inputs, :language, :enable, :filename, chosen.id || :suffix, :size_bytes, :sha256,
            :owner, :idempotency_key
        FROM (
            SELECT coalesce(CAST(:id AS bigint), (
                -- The sequence may run into many ids that clients have chosen. Each is met once, ever.
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


async def _earlier(connection: Connection, principal: Principal, idempotency_key: str) -> Record | None:
    return await connection.fetch_one(
        "SELECT id, email, inputs, language, enable, sha256 FROM uploads"
        " WHERE coalesce(owner, 0) = :owner AND idempotency_key = :idempotency_key",
        {"owner": principal.key_id or 0, "idempotency_key": idempotency_key},
    )


def _same(earlier: Record, upload: Upload, sha256: str) -> int:
    """The id of an earlier submission, if it was this one."""
    fields = ("email", "inputs", "language", "enable")
    if earlier["sha256"] != sha256 or any(earlier[name] != getattr(upload, name) for name in fields):
        raise Problem(
            HTTPStatus.CONFLICT,
            "This Idempotency-Key came with another submission before: use a new key for a new submission.",
        )
    upload_id: int = earlier["id"]
    return upload_id
