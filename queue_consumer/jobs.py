"""Makes jobs of the messages of the queue, a batch at a time, or finds the reason why a message makes none."""

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID, uuid4
from zipfile import BadZipFile

from shared.adapters.broker.base import Ack, Delivery, Reject, Settlement
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database, Record
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.sources import read_source
from shared.common.files.archives import unpack
from shared.common.service.errors import ObjectNotFound
from shared.common.service.in_groups import in_groups
from shared.common.service.logging import get_logger
from shared.common.text.email_addresses import canonical
from shared.engine_api.languages import check_lang

log = get_logger(__name__)

#: Bytes of sources that are held in memory at once. A longer source is held alone.
_BYTES_AT_ONCE: Final = 4 << 20
#: The size that is assumed for rows of the original system, which hold none.
_UNKNOWN_SIZE: Final = 1 << 20

_READ_UPLOADS: Final = """
    SELECT uploads.id, email, language, enable, object_key, content, sha256, request_id, filename,
        spec IS NULL AS is_classic, override IS NULL AS is_plain, coalesce(size_bytes, :unknown) AS size_bytes,
        (SELECT sum(CAST(file ->> 'size_bytes' AS bigint)) FROM jsonb_array_elements(files) AS file) AS unpacked
    FROM uploads JOIN (
        SELECT unnest(CAST(:ids AS bigint[])) AS id
        -- This limit removes no row. It tells the planner that there are few, so one plan serves all calls.
        LIMIT :count
    ) AS wanted ON wanted.id = uploads.id
"""
#: The requests that have no job yet, each with its place in the order of this batch, of its key and of its sender.
_REQUESTS: Final = """
    wanted AS MATERIALIZED (
        SELECT r.upload, r.id, r.source, r.stop_reason, r.nth, coalesce(u.owner, 0) AS owner,
            coalesce(r.sender, u.email) AS sender, u.runs, u.requested_at,
            u.request_id IS DISTINCT FROM r.id AS is_foreign
        FROM unnest(CAST(:uploads AS bigint[]), CAST(:ids AS uuid[]), CAST(:sources AS bytea[]),
            CAST(:stop_reasons AS text[]), CAST(:senders AS text[]))
            WITH ORDINALITY AS r (upload, id, source, stop_reason, sender, nth)
        JOIN uploads u ON u.id = r.upload
        WHERE NOT EXISTS (SELECT FROM job WHERE request_id = r.id)
    ), request AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY upload, is_foreign ORDER BY nth) AS nth_of_upload,
            row_number() OVER (PARTITION BY owner ORDER BY nth) - 1 AS behind_key,
            row_number() OVER (PARTITION BY owner, sender ORDER BY nth) - 1 AS behind_sender
        FROM wanted
    )
"""
#: The text of a job. It is built in SQL, so that inputs never leave the database: JSON may take six bytes for one.
_TEXT: Final = """
    CASE WHEN source IS NULL THEN '{}' ELSE (
        SELECT '{"language": ' || coalesce(CAST(to_json(language) AS text), 'null')
            || ', "inputs": ' || coalesce(CAST(to_json(inputs) AS text), 'null')
            || ', "contents": ' || to_json(convert_from(source, 'UTF8')) || '}'
        FROM uploads WHERE uploads.id = upload) END
"""
# Start-time fair queueing on two levels (docs/adr/0007). A job's `turn` comes after the turns of its key, and a key
# without waiting jobs starts beside the first turns of the others. A `place` is the same for a sender within its key.
_TURN: Final = """
    behind_key + greatest(
        (SELECT min(turn) FROM job WHERE status = 'none-executed'),
        (SELECT max(turn) + 1 FROM job WHERE status = 'none-executed' AND job.owner = request.owner),
        0)
"""
_PLACE: Final = """
    behind_sender + greatest(
        (SELECT min(place) FROM job WHERE status = 'none-executed' AND job.owner = request.owner),
        (SELECT max(place) + 1 FROM job WHERE status = 'none-executed' AND job.owner = request.owner
            AND job.sender = request.sender),
        0)
"""
_INSERT_JOBS: Final = f"""
    WITH {_REQUESTS}
    INSERT INTO job (upload, job, request_id, stop_reason, owner, sender, turn, place, number, requested_at)
    SELECT upload, {_TEXT}, id, stop_reason, owner, sender, {_TURN}, {_PLACE},
        -- A request that an earlier release made was not counted.
        CASE WHEN is_foreign THEN runs + nth_of_upload ELSE greatest(runs, 1) END,
        CASE WHEN is_foreign THEN now() ELSE requested_at END
    FROM request ORDER BY nth
    ON CONFLICT (request_id) DO NOTHING
    RETURNING id, request_id, pg_notify(:jobs, ''), pg_notify(:submissions, CAST(upload AS text))
"""  # noqa: S608  (constants)
# Only a foreign message brings a request that `uploads` does not hold yet. Its upload is locked before the job is
# inserted, so that each run gets its own number. Its `request_id` is set afterwards.
_LOCK_UPLOADS: Final = "SELECT FROM uploads WHERE id = ANY(:uploads) ORDER BY id FOR NO KEY UPDATE"
_NOTE_REQUESTS: Final = """
    WITH made AS MATERIALIZED (
        SELECT upload, max(number) AS number, min(CAST(request_id AS text)) AS request_id
        FROM job WHERE id = ANY(:jobs) AND upload = ANY(:uploads) GROUP BY upload
    )
    UPDATE uploads SET runs = greatest(uploads.runs, made.number), override = NULL, outcome = NULL, verdict = NULL,
        request_id = coalesce(uploads.request_id, CAST(made.request_id AS uuid)),
        requested_at = CASE WHEN uploads.request_id IS NULL THEN now() ELSE uploads.requested_at END
    FROM made WHERE uploads.id = made.upload
"""
_WITHDRAW: Final = """
    WITH withdrawn AS MATERIALIZED (
        SELECT uploads.id
        FROM uploads JOIN unnest(CAST(:uploads AS bigint[]), CAST(:ids AS uuid[])) AS r (upload, id)
            ON uploads.id = r.upload AND request_id = r.id
        WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = r.id)
        ORDER BY uploads.id FOR NO KEY UPDATE OF uploads
    )
    UPDATE uploads SET request_id = NULL, runs = greatest(runs - 1, 0), outcome = (
        SELECT CASE status WHEN 'executed' THEN 'finished' ELSE status END FROM job
        WHERE job.upload = uploads.id AND status IN ('executed', 'failed', 'cancelled')
        ORDER BY job.id DESC LIMIT 1)
    FROM withdrawn WHERE uploads.id = withdrawn.id
    RETURNING pg_notify(:submissions, CAST(uploads.id AS text))
"""


class InvalidMessage(Exception):
    """This message can make no job. The text is the reason, which its dead letter carries."""


#: The upload and perhaps the request that a message names; or why the message is invalid.
_Decoded: TypeAlias = tuple[int, UUID | None] | InvalidMessage


@dataclass(frozen=True, slots=True)
class _Request:
    """A job to insert. `source` is UTF-8; a job without one has a `stop_reason`.

    Without both the request makes no job, and is withdrawn: of a blocked submission, or of a classic one without its
    file. The original reports a missing file and makes no job.

    `sender` is the canonical address, so other spellings get no further turns. `invalid` is set if the message is a
    dead letter. A request `is_foreign` if its submission does not hold it.
    """

    upload: int
    id: UUID
    source: bytes | None
    is_foreign: bool = False
    stop_reason: str | None = None
    sender: str | None = None
    invalid: InvalidMessage | None = None

    @property
    def makes_job(self) -> bool:
        return self.source is not None or self.stop_reason is not None


@dataclass(frozen=True, slots=True)
class JobMaker:
    """Makes one job for one request, even if its message is delivered several times.

    If the file of a submission of API v1 cannot be used, its job has a `stop_reason`: a runner fails it and mails the
    reason. A classic one makes no job then.
    """

    database: Database
    store: ObjectStore

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Settlement]:
        """Return one settlement per delivery. Raise `TransientError` if a dependency is unavailable."""
        jobs = await self.make_all([(delivery.body, delivery.message_id) for delivery in deliveries])
        return [_settlement(delivery, job) for delivery, job in zip(deliveries, jobs, strict=True)]

    async def make(self, body: bytes, message_id: str | None) -> int | None:
        """Make a job, and return its id; None if there is nothing to do (made before, blocked, or removed).

        Raise `InvalidMessage` if the message can never make a job, and `TransientError` if a dependency is unavailable.
        """
        [job] = await self.make_all([(body, message_id)])
        if isinstance(job, InvalidMessage):
            raise job
        return job

    async def make_all(self, messages: Sequence[tuple[bytes, str | None]]) -> list[int | InvalidMessage | None]:
        """Make the jobs of a batch of bodies with their message ids.

        One query reads the uploads. Then, for each group that fits in memory, the files are read concurrently, and one
        statement inserts the jobs. An error concerns the whole batch.
        """
        decoded = [_decode(body, message_id) for body, message_id in messages]
        uploads = await self._uploads({message[0] for message in decoded if not isinstance(message, InvalidMessage)})
        foreign_requests: dict[int, UUID] = {}
        results: list[int | InvalidMessage | None] = []

        def size_of(message: _Decoded) -> int:
            upload = None if isinstance(message, InvalidMessage) else uploads.get(message[0])
            return 0 if upload is None else max(upload["size_bytes"], int(upload["unpacked"] or 0))

        for group in in_groups(decoded, size_of, _BYTES_AT_ONCE):
            results += await self._make_group(group, uploads, foreign_requests)
        return results

    async def _make_group(
        self, group: Sequence[_Decoded], uploads: dict[int, Record], foreign_requests: dict[int, UUID]
    ) -> list[int | InvalidMessage | None]:
        prepared = await asyncio.gather(*(self._prepare(message, uploads, foreign_requests) for message in group))
        requests = [request for request in prepared if isinstance(request, _Request)]
        await self._withdraw([request for request in requests if not request.makes_job])
        jobs = await self._insert([request for request in requests if request.makes_job])
        # If a message is in the batch twice, the second makes nothing.
        return [each.invalid or jobs.pop(each.id, None) if isinstance(each, _Request) else each for each in prepared]

    async def give_up(self, upload_id: int, request_id: UUID, reason: str) -> int | None:
        """End a request that cannot be run: make a job with a `stop_reason`, which a runner mails. Return its id."""
        jobs = await self._insert([_Request(upload_id, request_id, None, stop_reason=reason)])
        return jobs.get(request_id)

    async def _uploads(self, ids: Collection[int]) -> dict[int, Record]:
        values = {"ids": list(ids), "count": len(ids), "unknown": _UNKNOWN_SIZE}
        rows = await self.database.call(Connection.fetch_all, _READ_UPLOADS, values)
        return {row["id"]: row for row in rows}

    async def _prepare(
        self, decoded: _Decoded, uploads: dict[int, Record], foreign_requests: dict[int, UUID]
    ) -> _Request | InvalidMessage:
        if isinstance(decoded, InvalidMessage):
            return decoded
        upload_id, request_id = decoded
        upload = uploads.get(upload_id)
        if upload is None:
            return InvalidMessage(f"no submission has the id {upload_id}")
        # A foreign message may have no id. It means the request under way, or a new one.
        request_id = request_id or upload["request_id"] or foreign_requests.setdefault(upload_id, uuid4())
        is_foreign = upload["request_id"] != request_id
        # `enable` binds only the classic calls. A run by API v1 has a spec, or an override.
        is_classic_call = upload["is_classic"] and upload["is_plain"]
        if upload["enable"] != 0 and is_classic_call:
            return _Request(upload_id, request_id, None)
        # The original's rows have no key, and perhaps no language. Its files are named by id and the language's code.
        key = upload["object_key"] or f"{upload_id}.{check_lang(upload['language'] or '')}"
        sender = canonical(upload["email"]) if upload["email"] else None
        try:
            data = await self._read(upload_id, key, upload["content"], upload["sha256"])
            if not upload["is_classic"] and key.endswith(".zip"):
                data = _entry(data, upload)
        except InvalidMessage as exc:
            if is_classic_call:
                return _Request(upload_id, request_id, None, invalid=exc)
            return _Request(upload_id, request_id, None, is_foreign, str(exc), sender, exc)
        # Postgres cannot store NUL. The API refuses such text, but files may hold it.
        source = data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
        return _Request(upload_id, request_id, source, is_foreign, sender=sender)

    async def _read(self, upload_id: int, key: str, content: bytes | None, sha256: str | None) -> bytes:
        try:
            data = await read_source(self.store, key, content)
        except ObjectNotFound:
            raise InvalidMessage(f"the file of submission {upload_id} is missing") from None
        if not data:
            raise InvalidMessage(f"the file of submission {upload_id} is empty")
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise InvalidMessage(f"the file of submission {upload_id} has changed since it was accepted")
        return data

    async def _insert(self, requests: Sequence[_Request]) -> dict[UUID, int]:
        """Insert the jobs, and return the ids of the new ones by their requests."""
        requests = list({request.id: request for request in requests}.values())
        if not requests:
            return {}
        foreign = [request.upload for request in requests if request.is_foreign]
        values = {
            "uploads": [request.upload for request in requests],
            "ids": [request.id for request in requests],
            "sources": [request.source for request in requests],
            "stop_reasons": [request.stop_reason for request in requests],
            "senders": [request.sender for request in requests],
            "jobs": channels.JOBS,
            "submissions": channels.SUBMISSIONS,
        }
        async with self.database.transaction() if foreign else self.database.connection() as connection:
            if foreign:
                await connection.execute(_LOCK_UPLOADS, {"uploads": foreign})
            rows = await connection.fetch_all(_INSERT_JOBS, values)
            if foreign:
                await connection.execute(_NOTE_REQUESTS, {"jobs": [row["id"] for row in rows], "uploads": foreign})
        return {row["request_id"]: row["id"] for row in rows}

    async def _withdraw(self, requests: Sequence[_Request]) -> None:
        """Withdraw requests that make no job. Their submissions are again what they were."""
        if not requests:
            return
        values = {
            "uploads": [request.upload for request in requests],
            "ids": [request.id for request in requests],
            "submissions": channels.SUBMISSIONS,
        }
        await self.database.call(Connection.execute, _WITHDRAW, values)


def _settlement(delivery: Delivery, job: int | InvalidMessage | None) -> Settlement:
    if isinstance(job, InvalidMessage):
        log.warning("message.rejected", request=delivery.message_id, reason=str(job))
        return Reject(str(job))
    if job is None:
        log.info("message.repeated", request=delivery.message_id)
    else:
        log.debug("job.created", request=delivery.message_id, job=job)
    return Ack()


def _entry(archive: bytes, upload: Record) -> bytes:
    """Return the file that is run, from the archive of a submission of several files."""
    try:
        return unpack(archive)[upload["filename"]]
    except (BadZipFile, KeyError):
        raise InvalidMessage(f"the file {upload['filename']} of submission {upload['id']} is missing") from None


def _decode(body: bytes, message_id: str | None) -> _Decoded:
    try:
        # The original publishes the id with a full stop after it.
        upload_id = int(body.decode("ascii").removesuffix("."))
    except ValueError:
        return InvalidMessage("the body is not a decimal id")
    if not 0 < upload_id < 1 << 63:
        return InvalidMessage("the id is out of range")
    try:
        return upload_id, UUID(message_id) if message_id else None
    except ValueError:
        return InvalidMessage("the message's id is not a UUID")
