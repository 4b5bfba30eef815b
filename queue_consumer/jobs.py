"""From ids off the queue to job rows, a batch at a time, and every reason why there is none."""

import asyncio
import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID, uuid4

from shared.addresses import canonical
from shared.database.connection import Database, Record
from shared.errors import ObjectNotFound
from shared.languages import check_lang
from shared.storage.base import ObjectStore

#: Bytes of sources that are held in memory at once. A longer source is held alone.
_BYTES_AT_ONCE: Final = 4 << 20
#: Rows of the original system have no size.
_UNKNOWN_SIZE: Final = 1 << 20

# The job's text is built in SQL, so inputs never leave the database. Escaped, a byte can take six.
#
# Start-time fair queueing on two levels (docs/adr/0094). A job's `turn` comes after the turns of its key, and a key
# without waiting jobs starts beside the first turns of the others. A `place` is the same for a sender within its key.
_INSERT: Final = """
    WITH request AS MATERIALIZED (
        SELECT upload, id, source, stop_reason, owner, sender, nth,
            row_number() OVER (PARTITION BY owner ORDER BY nth) - 1 AS behind_key,
            row_number() OVER (PARTITION BY owner, sender ORDER BY nth) - 1 AS behind_sender
        FROM (
            SELECT r.upload, r.id, r.source, r.stop_reason, r.nth, coalesce(u.owner, 0) AS owner,
                coalesce(r.sender, u.email) AS sender
            FROM unnest(CAST(:uploads AS bigint[]), CAST(:ids AS uuid[]), CAST(:sources AS bytea[]),
                CAST(:stop_reasons AS text[]), CAST(:senders AS text[]))
                WITH ORDINALITY AS r (upload, id, source, stop_reason, sender, nth)
            JOIN uploads u ON u.id = r.upload
        ) AS r
    ), made AS (
        INSERT INTO job (upload, job, request_id, stop_reason, owner, sender, turn, place)
        SELECT upload,
            CASE WHEN source IS NULL THEN '{}' ELSE (
                SELECT '{"language": ' || coalesce(CAST(to_json(language) AS text), 'null')
                    || ', "inputs": ' || coalesce(CAST(to_json(inputs) AS text), 'null')
                    || ', "contents": ' || to_json(convert_from(source, 'UTF8')) || '}'
                FROM uploads WHERE uploads.id = upload) END,
            id, stop_reason, owner, sender,
            behind_key + greatest(
                (SELECT min(turn) FROM job WHERE status = 'none-executed'),
                (SELECT max(turn) + 1 FROM job WHERE status = 'none-executed' AND job.owner = request.owner),
                0),
            behind_sender + greatest(
                (SELECT min(place) FROM job WHERE status = 'none-executed' AND job.owner = request.owner),
                (SELECT max(place) + 1 FROM job WHERE status = 'none-executed' AND job.owner = request.owner
                    AND job.sender = request.sender),
                0)
        FROM request ORDER BY nth
        ON CONFLICT (request_id) DO NOTHING RETURNING id, upload, request_id
    ), strange AS MATERIALIZED (
        -- Only a stranger's request is not there yet.
        SELECT uploads.id, made.request_id FROM uploads JOIN made ON made.upload = uploads.id
        WHERE uploads.request_id IS NULL ORDER BY uploads.id FOR NO KEY UPDATE OF uploads
    ), pending AS (
        UPDATE uploads SET request_id = strange.request_id, requested_at = now() FROM strange
        WHERE uploads.id = strange.id
    )
    SELECT id, request_id, pg_notify('precieux_jobs', '') FROM made
"""


class Unusable(Exception):
    """No job can come of this message; the text is the reason that its dead letter carries."""


#: The upload that a message names, and the request if it names one; or why the message is unusable.
_Decoded: TypeAlias = tuple[int, UUID | None] | Unusable


@dataclass(frozen=True, slots=True)
class _Request:
    """`source` is UTF-8. Without one, the job is born stopped, for a reason.

    `sender` is the canonical address, so other spellings get no further turns.
    """

    upload: int
    id: UUID
    source: bytes | None
    stop_reason: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class _Nothing:
    """There is no job to make of this request: it is withdrawn, so that it may be asked for again."""

    upload: int
    id: UUID
    why: Unusable | None = None


@dataclass(frozen=True, slots=True)
class JobMaker:
    """Idempotent: one request makes one job, however often its message is delivered."""

    database: Database
    store: ObjectStore

    async def make(self, body: bytes, message_id: str | None) -> int | None:
        """The new job's id; None when there is nothing to do (made already, blocked, or gone).

        Raises `Unusable` for what can never become a job, and `TransientError` when a dependency is away.
        """
        [made] = await self.make_all([(body, message_id)])
        if isinstance(made, Unusable):
            raise made
        return made

    async def make_all(self, messages: Sequence[tuple[bytes, str | None]]) -> list[int | Unusable | None]:
        """Make the jobs of a batch of bodies with their message ids.

        One query reads the uploads. Then groups that fit in memory have their files read concurrently, and their jobs
        inserted by one statement. An error concerns the whole batch.
        """
        decoded = [_decode(body, message_id) for body, message_id in messages]
        uploads = await self._uploads({one[0] for one in decoded if not isinstance(one, Unusable)})
        strangers: dict[int, UUID] = {}
        results: list[int | Unusable | None] = []
        for group in _groups(decoded, uploads):
            results += await self._make_group(group, uploads, strangers)
        return results

    async def _make_group(
        self,
        group: Sequence[_Decoded],
        uploads: dict[int, Record],
        strangers: dict[int, UUID],
    ) -> list[int | Unusable | None]:
        looked_at = await asyncio.gather(*(self._look_at(one, uploads, strangers) for one in group))
        await self._withdraw([one for one in looked_at if isinstance(one, _Nothing)])
        made = await self._insert([one for one in looked_at if isinstance(one, _Request)])
        results: list[int | Unusable | None] = []
        for one in looked_at:
            match one:
                case _Request():
                    # Once: of a message that came twice in one batch, the second made nothing.
                    results.append(made.pop(one.id, None))
                case _Nothing():
                    results.append(one.why)
                case Unusable():
                    results.append(one)
        return results

    async def give_up(self, upload_id: int, request_id: UUID, reason: str) -> int | None:
        """End a request that can become no job to be run: its job is born stopped, and a runner mails the reason."""
        made = await self._insert([_Request(upload_id, request_id, None, stop_reason=reason)])
        return made.get(request_id)

    async def _uploads(self, ids: Collection[int]) -> dict[int, Record]:
        async with self.database.transaction() as connection:
            rows = await connection.fetch_all(
                "SELECT id, email, language, enable, object_key, size_bytes, sha256, request_id FROM uploads"
                " WHERE id = ANY(:ids)",
                {"ids": list(ids)},
            )
        return {row["id"]: row for row in rows}

    async def _look_at(
        self, decoded: _Decoded, uploads: dict[int, Record], strangers: dict[int, UUID]
    ) -> _Request | _Nothing | Unusable:
        if isinstance(decoded, Unusable):
            return decoded
        upload_id, request_id = decoded
        upload = uploads.get(upload_id)
        if upload is None:
            return Unusable(f"no upload has the id {upload_id}")
        # A stranger's message has no id of its own: it means the request under way, or a new one.
        request_id = request_id or upload["request_id"] or strangers.setdefault(upload_id, uuid4())
        if upload["enable"] != 0:
            return _Nothing(upload_id, request_id)
        # The original's rows tell no key; its files are named by id and extension, which is the language's code.
        key = upload["object_key"] or f"{upload_id}.{check_lang(upload['language'])}"
        try:
            source = await self._read(upload_id, key, upload["sha256"])
        except Unusable as exc:
            return _Nothing(upload_id, request_id, exc)
        sender = canonical(upload["email"]) if upload["email"] else None
        return _Request(upload_id, request_id, source, sender=sender)

    async def _read(self, upload_id: int, key: str, sha256: str | None) -> bytes:
        try:
            data = await self.store.get(key)
        except ObjectNotFound:
            raise Unusable(f"the file of upload {upload_id} is missing") from None
        if not data:
            raise Unusable(f"the file of upload {upload_id} is empty")
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise Unusable(f"the file of upload {upload_id} is not the one that was accepted")
        # Postgres holds no NUL; the API refuses such files, but the bucket may be older than it.
        return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}").encode()

    async def _insert(self, requests: Sequence[_Request]) -> dict[UUID, int]:
        """The ids of the new jobs, by their requests."""
        if not requests:
            return {}
        async with self.database.transaction() as connection:
            rows = await connection.fetch_all(
                _INSERT,
                {
                    "uploads": [request.upload for request in requests],
                    "ids": [request.id for request in requests],
                    "sources": [request.source for request in requests],
                    "stop_reasons": [request.stop_reason for request in requests],
                    "senders": [request.sender for request in requests],
                },
            )
        return {row["request_id"]: row["id"] for row in rows}

    async def _withdraw(self, requests: Sequence[_Nothing]) -> None:
        """Nothing will come of these: they may be asked for again."""
        if not requests:
            return
        async with self.database.transaction() as connection:
            await connection.execute(
                """
                WITH withdrawn AS MATERIALIZED (
                    SELECT uploads.id
                    FROM uploads JOIN unnest(CAST(:uploads AS bigint[]), CAST(:ids AS uuid[])) AS r (upload, id)
                        ON uploads.id = r.upload AND request_id = r.id
                    WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = r.id)
                    ORDER BY uploads.id FOR NO KEY UPDATE OF uploads
                )
                UPDATE uploads SET request_id = NULL FROM withdrawn WHERE uploads.id = withdrawn.id
                """,
                {"uploads": [request.upload for request in requests], "ids": [request.id for request in requests]},
            )


def _groups(decoded: Sequence[_Decoded], uploads: dict[int, Record]) -> Iterator[list[_Decoded]]:
    """Yield the messages in their order, in groups whose sources fit in memory together."""
    group: list[_Decoded] = []
    size = 0
    for one in decoded:
        upload = None if isinstance(one, Unusable) else uploads.get(one[0])
        length = 0 if upload is None else _UNKNOWN_SIZE if upload["size_bytes"] is None else upload["size_bytes"]
        if group and size + length > _BYTES_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(one)
        size += length
    if group:
        yield group


def _decode(body: bytes, message_id: str | None) -> _Decoded:
    try:
        # The original publishes the id with a full stop behind it.
        upload_id = int(body.decode("ascii").removesuffix("."))
    except ValueError:
        return Unusable("the body is not a decimal id")
    if not 0 < upload_id < 1 << 63:
        return Unusable("the id is out of range")
    try:
        return upload_id, UUID(message_id) if message_id else None
    except ValueError:
        return Unusable("the message's id is not a UUID")
