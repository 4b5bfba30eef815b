"""Lists a sender's submissions in bounded memory: it shortens long texts, and reads a few rows at a time."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from api_service.access.principal import Principal
from api_service.http.email_address import Address
from api_service.http.integers import INT64, AnyId, decimal
from api_service.limits.holds import ConcurrencyLimit, KeySemaphore
from shared.adapters.database.connection import Database, Record
from shared.adapters.storage.base import ObjectStore
from shared.common.files.archives import unpack_beginning
from shared.common.service.errors import ObjectNotFound
from shared.common.service.in_groups import in_groups
from shared.engine_api.languages import check_lang
from shared.records.operations.job_state import JobState
from shared.records.resources.statements import LATEST_JOB
from shared.records.resources.texts import cut

#: Each text of a list is cut to this many bytes. The link leads to the whole output.
MAX_TEXT: Final = 64 << 10
#: `job` is made of two texts of half that length. Its other parts, such as the language's name, do not count.
_MAX_PART: Final = MAX_TEXT // 2
#: The file that is run is not unpacked from a larger archive.
_MAX_ARCHIVE: Final = 1 << 20
#: The most bytes that the database sends of one text: it cuts by characters, which take up to four bytes each.
_MAX_SENT: Final = 4 * MAX_TEXT
#: A batch holds rows until their texts reach this length together.
_BATCH_BYTES: Final = 256 << 10


class ClassicListQuery(BaseModel):
    """The query for a list of submissions. Unknown parameters are refused, because ignoring them would mislead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Annotated[Address, Field(description="The address of the submissions to list, in upper or lower case.")]
    id: AnyId | SkipJsonSchema[None] = Field(default=None, description="List only this submission.")
    limit: Annotated[int, BeforeValidator(decimal)] = Field(
        default=1000, ge=1, le=1000, description="List at most this many, the newest ones."
    )
    before: AnyId | SkipJsonSchema[None] = Field(
        default=None, description="List only submissions with a smaller id. Use it to get the next page."
    )


class SubmissionStatus(BaseModel):
    """One submission and its latest execution. The original has no `verdict`, `error`, `delay` and `shortened`."""

    id: Annotated[int, Field(json_schema_extra=INT64, examples=[5])]
    status: JobState | None = Field(description="Null until an execution is requested.", examples=["executed"])
    job: str | None = Field(
        description="The submission as JSON text: `language`, `inputs` and `contents`.",
        examples=['{"language": "py", "inputs": "12\\n", "contents": "print(input())\\n"}'],
    )
    output: str | None = Field(description="What the program wrote to its standard output.", examples=["12\n"])
    execute_date: datetime | None = Field(description="When the execution ended.", examples=["2026-01-31T12:00:00Z"])
    filelink: str | None = Field(
        description="A link to the whole output. It expires, so each answer has a new one. A short output of API v1"
        " may have none: `output` is all of it."
    )
    verdict: str | None = Field(
        description="How the execution ended, such as `ok`, `compile_error`, `runtime_error` or `time_limit`.",
        examples=["ok"],
    )
    error: str | None = Field(
        description="The compiler's messages or the standard error, or why the job failed.", examples=[""]
    )
    delay: str | None = Field(
        description="Why an execution that is under way is delayed. Null if it is not.",
        examples=["the machine was overloaded while it ran; the program is run again"],
    )
    shortened: list[str] = Field(
        description="The names of the texts that are not whole. `filelink` leads to the whole output; a `job` has no"
        " `contents` if the file is gone.",
        examples=[[]],
    )


_FROM: Final = f"FROM uploads u {LATEST_JOB} LEFT JOIN results r ON r.job = j.id WHERE {{visible}}"
_ERROR: Final = "coalesce(r.error, CASE WHEN j.status = 'failed' THEN j.failure END)"
_WEIGHTS: Final = f"""
    SELECT u.id,
        (SELECT sum(least(coalesce(length, 0), :most)) FROM unnest(ARRAY[octet_length(r.output), octet_length(r.error),
            octet_length(j.job), octet_length(u.inputs), u.size_bytes]) AS length) AS weight
    {_FROM} AND lower(u.email) = lower(:email)
        AND (CAST(:id AS bigint) IS NULL OR u.id = :id) AND (CAST(:before AS bigint) IS NULL OR u.id < :before)
    ORDER BY u.id DESC LIMIT :limit
"""  # noqa: S608  (constants)
_ROWS: Final = f"""
    SELECT u.id, u.language, u.object_key, u.filename, u.spec IS NOT NULL AS is_v1,
        left(u.inputs, :length) AS inputs, left(j.job, :length) AS job, j.id IS NOT NULL AS has_job,
        CASE WHEN coalesce(j.job, '') = '' THEN u.content END AS content,
        left(r.output, :length) AS output,
        left({_ERROR}, :length) AS error, octet_length(j.job) AS job_bytes,
        octet_length(r.output) AS output_bytes, octet_length({_ERROR}) AS error_bytes,
        CASE WHEN j.status IN ('none-executed', 'executing') THEN j.failure END AS delay,
        octet_length(u.inputs) AS inputs_bytes, u.size_bytes,
        r.execute_date, r.output_key, r.filelink, r.verdict,
        coalesce(j.status, CASE WHEN u.request_id IS NOT NULL THEN 'none-executed' END) AS status
    {_FROM} AND u.id = ANY(:ids) ORDER BY u.id
"""


@dataclass(frozen=True, slots=True)
class ClassicList:
    """Lists the submissions of the client's own key, or all of them for `admin`."""

    database: Database
    store: ObjectStore
    memory: ConcurrencyLimit
    semaphore: KeySemaphore = field(default_factory=lambda: KeySemaphore(1))

    async def pieces(self, principal: Principal, query: ClassicListQuery) -> AsyncGenerator[bytes]:
        """Yield the answer to a query: `{"result": [...]}`, the oldest submission first, a batch of rows in each piece.

        No connection to the database is held while the client reads.
        """
        # Two statements, so that each has its own plan: over the rows of one key, or over all rows.
        visible = "true" if principal.sees_all else "u.owner = :owner"
        owner = {} if principal.sees_all else {"owner": principal.key_id}
        async with self.semaphore.take(principal), self.database.connection() as connection:
            values = {**owner, **query.model_dump(), "most": _MAX_SENT}
            weights = await connection.fetch_all(_WEIGHTS.format(visible=visible), values)
        batches = list(in_groups(reversed(weights), _weight, _BATCH_BYTES))
        heaviest = max((sum(map(_weight, batch)) for batch in batches), default=0)
        lead = b'{"result":['
        with self.memory.hold(principal, heaviest):
            for batch in batches:
                async with self.semaphore.take(principal), self.database.connection() as connection:
                    values = {**owner, "ids": [row["id"] for row in batch], "length": MAX_TEXT}
                    rows = await connection.fetch_all(_ROWS.format(visible=visible), values)
                texts = [(await self._status(row)).model_dump_json().encode() for row in rows]
                del rows
                if texts:
                    yield lead + b",".join(texts)
                    lead = b","
        yield (lead if lead != b"," else b"") + b"]}"

    async def _status(self, row: Record) -> SubmissionStatus:
        job, job_is_whole = await self._job(row)
        # Links expire, so each answer has a new one.
        link = row["filelink"]
        if row["output_key"]:
            link = await self.store.link(row["output_key"])
        shortened = [] if job_is_whole else ["job"]
        shortened += [name for name in ("output", "error") if (row[f"{name}_bytes"] or 0) > MAX_TEXT]
        return SubmissionStatus(
            id=row["id"],
            status=row["status"],
            job=job,
            output=cut(row["output"], MAX_TEXT),
            execute_date=_with_zone(row["execute_date"]),
            filelink=link,
            verdict=row["verdict"],
            error=cut(row["error"], MAX_TEXT),
            delay=f"{row['delay']}; the program is run again" if row["delay"] else None,
            shortened=shortened,
        )

    async def _job(self, row: Record) -> tuple[str | None, bool]:
        """Return the job's text, and True if it is complete. The runner clears the text, so it is rebuilt here."""
        if row["job"] or not row["has_job"]:
            return cut(row["job"], MAX_TEXT), (row["job_bytes"] or 0) <= MAX_TEXT
        contents, contents_are_whole = await self._contents(row)
        job = {"language": row["language"], "inputs": cut(row["inputs"], _MAX_PART), "contents": contents}
        is_whole = contents_are_whole and (row["inputs_bytes"] or 0) <= _MAX_PART
        return json.dumps(job, ensure_ascii=False), is_whole

    async def _contents(self, row: Record) -> tuple[str | None, bool]:
        """Return the beginning of the file that is run, and True if it is the whole file; None if the file is gone."""
        key = row["object_key"] or f"{row['id']}.{check_lang(row['language'] or '')}"
        is_archive = row["is_v1"] and key.endswith(".zip")
        data = row["content"]
        try:
            if data is None:
                data = await self.store.read(key, 0, (_MAX_ARCHIVE if is_archive else _MAX_PART) + 1)
        except (ObjectNotFound, ValueError):
            return None, False
        if is_archive:
            if len(data) > _MAX_ARCHIVE:
                return None, False
            data = await asyncio.to_thread(unpack_beginning, data, row["filename"], _MAX_PART + 1)
        return cut(data.decode("utf-8", "replace"), _MAX_PART), len(data) <= _MAX_PART


def _weight(row: Record) -> int:
    return int(row["weight"] or 0)


def _with_zone(moment: datetime | None) -> datetime | None:
    """Return the time in UTC if it has no zone: in a database of the original, the column has none."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
