"""Finds the stored bytes of a submission: long sources and outputs in the object store, the rest in the database."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from api_service.requests.content import TEXT, ZIP, Content
from shared.adapters.database.connection import Connection, Database, Record
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import ObjectNotFound
from shared.engine_api.artifacts import ARTIFACTS, IMAGES
from shared.engine_api.languages import check_lang

Stream = Literal["stdout", "stderr"]

#: The columns of a submission that `source_of` reads.
SOURCE_COLUMNS: Final = "id, object_key, content, language, files"
#: The job of a run: the one with that number, or that of the latest run. There may be none yet.
_JOB: Final = """
    SELECT job.id FROM job JOIN uploads ON uploads.id = job.upload
    WHERE job.upload = :id AND job.number = coalesce(CAST(:run AS int), uploads.runs) ORDER BY job.id DESC LIMIT 1
"""
#: The CodeX call gives one text for the diagnostics and the standard error: see `shared.records.resources.statements`.
_BYTES: Final[dict[Stream, str]] = {
    "stdout": "convert_to(coalesce(output, ''), 'UTF8')",
    "stderr": """coalesce(stderr_bytes, convert_to(coalesce(CASE
        WHEN stderr IS NOT NULL OR compile_output IS NOT NULL THEN stderr
        WHEN verdict IS DISTINCT FROM 'compile_error' THEN error END, ''), 'UTF8'))""",
}
_RESULT: Final = """
    SELECT results.id, results.output_key, octet_length({stream}) AS size FROM results WHERE job = ({job})
"""
#: Bytes that are read at once of an artifact, and of a text.
_PIECE_BYTES: Final = 256 << 10
_ARTIFACTS: Final = f"SELECT artifacts FROM results WHERE job = ({_JOB})"  # noqa: S608  (a constant)
_PIECE: Final = "SELECT substring({stream} FROM :start FOR :length) AS piece FROM results WHERE id = :id"
_TEST: Final = """
    SELECT job, octet_length({stream}) AS size FROM test_results WHERE number = :test AND job = ({job})
"""
_PIECE_OF_TEST: Final = """
    SELECT substring({stream} FROM :start FOR :length) AS piece FROM test_results WHERE job = :job AND number = :test
"""


async def source_of(store: ObjectStore, submission: Record) -> Content | None:
    """Return the sources of a submission: its file, or the zip of its files. None if nothing is stored."""
    key: str = submission["object_key"] or f"{submission['id']}.{check_lang(submission['language'] or '')}"
    # Only an archive of API v1 ends so: `api_service.submissions.new_submission` names a single file differently.
    is_archive = submission["files"] is not None and key.endswith(".zip")
    media_type, file_name = (ZIP, f"submission-{submission['id']}.zip") if is_archive else (TEXT, None)
    if (data := submission["content"]) is not None:
        return _in_row(data, media_type, file_name)
    return await _object(store, key, media_type, file_name)


async def output_of_run(
    database: Database, store: ObjectStore, upload: int, run: int | None, stream: Stream
) -> Content | None:
    """Return an output of a run without tests (None: of the latest run); None without an output yet."""
    written = _BYTES[stream]
    which = {"id": upload, "run": run}
    row = await database.call(Connection.fetch_one, _RESULT.format(stream=written, job=_JOB), which)
    if row is None:
        return None
    if stream == "stdout" and row["output_key"]:
        # The object has the very bytes; Postgres cannot store NUL.
        return await _object(store, row["output_key"], TEXT)
    return _text(database, row["size"], _PIECE.format(stream=written), {"id": row["id"]})


async def artifact_of_run(
    database: Database, store: ObjectStore, upload: int, run: int | None, name: str
) -> Content | None:
    """Return an artifact of a run (None: of the latest run); None without a file of this name."""
    row = await database.call(Connection.fetch_one, _ARTIFACTS, {"id": upload, "run": run})
    stored = ARTIFACTS.validate_json(row["artifacts"]) if row and row["artifacts"] else ()
    artifact = next((artifact for artifact in stored if artifact.name == name), None)
    if artifact is None:
        return None
    content = await _object(store, artifact.key, artifact.media_type, artifact.name)
    # In long pieces, because each is a request of its own to S3.
    return content and replace(
        content, is_inline=artifact.media_type in IMAGES, digest=artifact.sha256, piece_bytes=_PIECE_BYTES
    )


async def output_of_test(database: Database, upload: int, run: int | None, test: int, stream: Stream) -> Content | None:
    """Return an output of a test; None if there is no such test, or if it has not ended."""
    which = {"id": upload, "run": run, "test": test}
    row = await database.call(Connection.fetch_one, _TEST.format(stream=stream, job=_JOB), which)
    if row is None:
        return None
    return _text(database, row["size"], _PIECE_OF_TEST.format(stream=stream), {"job": row["job"], "test": test})


def _in_row(data: bytes, media_type: str, file_name: str | None) -> Content:
    async def read(start: int, length: int) -> bytes:
        return data[start : start + length]

    return Content(len(data), read, media_type, file_name)


async def _object(store: ObjectStore, key: str, media_type: str, file_name: str | None = None) -> Content | None:
    try:
        size = await store.size(key)
    except (ObjectNotFound, ValueError):
        return None
    return Content(size, lambda start, length: store.read(key, start, length), media_type, file_name)


def _text(database: Database, size: int, sql: str, which: Mapping[str, object]) -> Content:
    """Return the content of a text in the database, which reads the whole text for each piece."""

    async def read(start: int, length: int) -> bytes:
        values = {**which, "start": start + 1, "length": length}
        return await database.call(Connection.fetch_value, sql, values) or b""

    return Content(size, read, piece_bytes=_PIECE_BYTES)
