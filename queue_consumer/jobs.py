"""From one id off the queue to a job row, and every reason why there is none."""

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID, uuid4

from shared.database import Connection, Database
from shared.errors import ObjectNotFound
from shared.languages import check_lang
from shared.logging import get_logger
from shared.storage.base import ObjectStore

log = get_logger(__name__)


class Unusable(Exception):
    """No job can come of this message; the text is the reason that its dead letter carries."""


@dataclass(frozen=True, slots=True)
class JobMaker:
    """Idempotent: one request makes one job, however often its message is delivered."""

    database: Database
    store: ObjectStore

    async def make(self, body: bytes, message_id: str | None) -> int | None:
        """The new job's id; None when there is nothing to do (made already, blocked, or gone).

        Raises `Unusable` for what can never become a job, and `TransientError` when a dependency is away.
        """
        upload_id, request_id = _decode(body, message_id)
        async with self.database.transaction() as connection:
            upload = await connection.fetch_one(
                "SELECT id, inputs, language, enable, object_key, sha256, request_id FROM uploads WHERE id = :id",
                {"id": upload_id},
            )
        if upload is None:
            raise Unusable(f"no upload has the id {upload_id}")
        # A stranger's message has no id of its own: it means the request under way, or a new one.
        request_id = request_id or upload["request_id"] or uuid4()
        try:
            if upload["enable"] != 0:
                await self._withdraw(upload_id, request_id)
                return None
            # The original's rows tell no key; its files are named by id and extension, which is the language's code.
            key = upload["object_key"] or f"{upload_id}.{check_lang(upload['language'])}"
            contents = await self._read(upload_id, key, upload["sha256"])
        except Unusable:
            await self._withdraw(upload_id, request_id)
            raise
        job = {"language": upload["language"], "inputs": upload["inputs"], "contents": contents}
        async with self.database.transaction() as connection:
            return await _insert(connection, upload_id, request_id, json.dumps(job, ensure_ascii=False))

    async def give_up(self, upload_id: int, request_id: UUID, reason: str) -> int | None:
        """End a request that can become no job to be run: its job is born stopped, and a runner mails the reason."""
        async with self.database.transaction() as connection:
            return await _insert(connection, upload_id, request_id, "{}", stop_reason=reason)

    async def _read(self, upload_id: int, key: str, sha256: str | None) -> str:
        try:
            data = await self.store.get(key)
        except ObjectNotFound:
            raise Unusable(f"the file of upload {upload_id} is missing") from None
        if not data:
            raise Unusable(f"the file of upload {upload_id} is empty")
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise Unusable(f"the file of upload {upload_id} is not the one that was accepted")
        # Postgres holds no NUL; the API refuses such files, but the bucket may be older than it.
        return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

    async def _withdraw(self, upload_id: int, request_id: UUID) -> None:
        """Nothing will come of this request: it may be asked for again."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "UPDATE uploads SET request_id = NULL WHERE id = :id AND request_id = :request_id"
                " AND NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = :request_id)",
                {"id": upload_id, "request_id": request_id},
            )


def _decode(body: bytes, message_id: str | None) -> tuple[int, UUID | None]:
    try:
        # The original publishes the id with a full stop behind it.
        upload_id = int(body.decode("ascii").removesuffix("."))
    except ValueError:
        raise Unusable("the body is not a decimal id") from None
    if not 0 < upload_id < 1 << 63:
        raise Unusable("the id is out of range")
    try:
        return upload_id, UUID(message_id) if message_id else None
    except ValueError:
        raise Unusable("the message's id is not a UUID") from None


async def _insert(
    connection: Connection, upload_id: int, request_id: UUID, job: str, *, stop_reason: str | None = None
) -> int | None:
    row = await connection.fetch_one(
        """
        WITH made AS (
            INSERT INTO job (upload, job, request_id, stop_reason, sender, turn)
            -- Start-time fair queueing: behind the sender's own waiting jobs, beside everybody else's first.
            SELECT :upload, :job, :request_id, :stop_reason, u.email, greatest(
                (SELECT min(turn) FROM job WHERE status = 'none-executed'),
                (SELECT max(turn) + 1 FROM job WHERE status = 'none-executed' AND sender = u.email),
                0)
            FROM uploads u WHERE u.id = :upload
            ON CONFLICT (request_id) DO NOTHING RETURNING id
        ), pending AS (
            -- Only a stranger's request is not there yet.
            UPDATE uploads SET request_id = :request_id, requested_at = now() FROM made
            WHERE uploads.id = :upload AND uploads.request_id IS NULL
        )
        SELECT id, pg_notify('precieux_jobs', '') FROM made
        """,
        {"upload": upload_id, "job": job, "request_id": request_id, "stop_reason": stop_reason},
    )
    return row["id"] if row else None
