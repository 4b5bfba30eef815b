"""The use cases: register a submission, ask for its execution, tell how a sender's submissions fare."""

import hashlib
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from api_service.problems import Problem
from api_service.schemas import SourceFile, SubmissionStatus, Upload
from shared import outbox
from shared.database import Connection, Database
from shared.storage.base import ObjectStore

_LINK_LIFETIME: Final = timedelta(days=7)


async def register(database: Database, store: ObjectStore, upload: Upload, file: SourceFile) -> int:
    """Keep a submission; returns its id. Raises `Problem` (409) when the chosen id is taken.

    The file is stored inside the transaction: of two that choose one id, the second waits for the row of the first
    and never touches its file. What a crash leaves behind is a file without a row, which its id's next user replaces.
    """
    async with database.transaction() as connection:
        upload_id = await _insert(connection, upload, file)
        while upload_id is None:
            if upload.id is not None:
                raise Problem(HTTPStatus.CONFLICT, f"id {upload.id} is taken: choose another, or leave it out.")
            # The sequence ran into an id that a client had chosen. Each such id is met once, ever.
            upload_id = await _insert(connection, upload, file)
        await store.put(object_key(upload_id, file.extension), file.data, content_type="text/plain; charset=utf-8")
    return upload_id


async def ask_for_execution(database: Database, upload_id: int) -> bool | None:
    """Ask for the execution of an upload; None when there is no such upload, False when it is blocked.

    While an earlier request is not answered yet, asking again changes nothing.
    """
    request_id = uuid4()
    async with database.transaction() as connection:
        row = await connection.fetch_one("SELECT enable FROM uploads WHERE id = :id FOR UPDATE", {"id": upload_id})
        if row is None:
            return None
        if row["enable"] != 0:
            return False
        asked = await connection.fetch_one(
            "UPDATE uploads SET request_id = :request_id WHERE id = :id AND request_id IS NULL RETURNING id",
            {"id": upload_id, "request_id": request_id},
        )
        if asked is not None:
            await outbox.add(connection, upload_id, request_id)
    return True


async def of_sender(database: Database, store: ObjectStore, email: str) -> list[SubmissionStatus]:
    """Every submission of one address, the oldest first, each with its latest execution."""
    async with database.transaction() as connection:
        rows = await connection.fetch_all(
            """
            SELECT u.id, j.job, r.output, r.execute_date, r.output_key, r.filelink, r.verdict, r.error,
                coalesce(j.status, CASE WHEN u.request_id IS NOT NULL THEN 'none-executed' END) AS status
            FROM uploads u
            LEFT JOIN LATERAL (
                -- While a request is under way, what an earlier one gave is not its answer.
                SELECT id, job, status FROM job
                WHERE job.upload = u.id AND (u.request_id IS NULL OR job.request_id = u.request_id)
                ORDER BY id DESC LIMIT 1
            ) j ON true
            LEFT JOIN results r ON r.job = j.id
            WHERE u.email = :email ORDER BY u.id
            """,
            {"email": email},
        )
    return [
        SubmissionStatus(
            id=row["id"],
            status=row["status"],
            job=row["job"],
            output=row["output"],
            execute_date=row["execute_date"],
            # Links expire, so each answer brings a fresh one.
            filelink=await store.link(row["output_key"], expires_in=_LINK_LIFETIME)
            if row["output_key"]
            else row["filelink"],
            verdict=row["verdict"],
            error=row["error"],
        )
        for row in rows
    ]


def object_key(upload_id: int, extension: str) -> str:
    """Where an upload's file lies: `{id}.{extension}`, as in the original."""
    return f"{upload_id}.{extension}" if extension else str(upload_id)


async def _insert(connection: Connection, upload: Upload, file: SourceFile) -> int | None:
    """The new row's id; None when it is taken."""
    row = await connection.fetch_one(
        """
        INSERT INTO uploads (id, email, inputs, language, enable, filename, object_key, size_bytes, sha256)
        SELECT chosen.id, :email, :inputs, :language, :enable, :filename, chosen.id || :suffix, :size_bytes, :sha256
        FROM (
            SELECT coalesce(CAST(:id AS bigint), nextval(pg_get_serial_sequence('uploads', 'id'))) AS id
        ) AS chosen
        ON CONFLICT (id) DO NOTHING RETURNING id
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
            "sha256": hashlib.sha256(file.data).hexdigest(),
        },
    )
    return row["id"] if row else None
