"""Fills in the mails that the API has ordered: receipts, and results that are mailed again.

The API's role may neither read nor write texts of mails. It adds a row that says what is wanted; a row without a
Message-ID is not sent before it has been filled in.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from job_runner.claim import ClaimedJob
from job_runner.emails.receipt import render_receipt
from job_runner.emails.render import render
from job_runner.outcome import Details, Outcome, TestOutcome, decide
from job_runner.storable import storable
from shared.codex import RunResponse
from shared.database.connection import Connection, Database, Record
from shared.errors import DatabaseUnavailable
from shared.logging import get_logger
from shared.resources.links import Links
from shared.resources.queue import places
from shared.storage.base import ObjectStore
from shared.storage.output_keys import LINK_LIFETIME

log = get_logger(__name__)

_BATCH: Final = 20

_TAKE: Final = """
    SELECT id, kind, job, upload, locale FROM emails WHERE status = 'queued' AND message_id IS NULL
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_FILL_IN: Final = """
    UPDATE emails SET recipient = :recipient, subject = :subject, text = :text, html = :html, message_id = :message_id,
        updated_at = now()
    WHERE id = :id
"""
_REFUSE: Final = "UPDATE emails SET status = 'refused', last_error = :error, updated_at = now() WHERE id = :id"
_RESULT: Final = """
    SELECT u.email, job.request_id, job.attempt, job.lease_id, r.output, r.error, r.engine, r.output_key, r.stderr,
        r.compile_output, r.cut, u.tests,
        (SELECT jsonb_object_agg(number, jsonb_build_object('verdict', verdict, 'cpu_s', cpu_s))
            FROM test_results WHERE test_results.job = job.id) AS ended
    FROM job JOIN uploads u ON u.id = job.upload JOIN results r ON r.job = job.id WHERE job.id = :job
"""


class _Unknown(Exception):
    """The submission of a mail does not exist any more, or has no result."""


class OrderedMails:
    """Fills in mails. Any number of runners may do it at once. `domain` is the right side of Message-IDs."""

    def __init__(self, database: Database, store: ObjectStore, links: Links, domain: str) -> None:
        self._database = database
        self._store = store
        self._links = links
        self._domain = domain

    async def fill_in(self) -> int:
        """Fill in what is ordered, and return how many mails that were."""
        async with self._database.transaction() as connection:
            ordered = await connection.fetch_all(_TAKE, {"limit": _BATCH})
            for row in ordered:
                await self._fill_in(connection, row)
        return len(ordered)

    async def _fill_in(self, connection: Connection, row: Record) -> None:
        try:
            values = await (self._receipt if row["kind"] == "receipt" else self._result)(connection, row)
        except DatabaseUnavailable:
            raise
        except _Unknown:
            await connection.execute(_REFUSE, {"id": row["id"], "error": "what it is about was deleted"})
        except Exception as exc:
            # A defect of ours. Without this, the other mails would wait for it.
            log.exception("mail.not_filled_in", mail=row["id"], kind=row["kind"])
            await connection.execute(_REFUSE, {"id": row["id"], "error": f"an error of ours ({type(exc).__name__})"})
        else:
            texts = {name: storable(text) for name, text in values.items()}
            await connection.execute(_FILL_IN, {**texts, "id": row["id"]})

    async def _receipt(self, connection: Connection, row: Record) -> Mapping[str, str]:
        upload = await connection.fetch_one("SELECT email FROM uploads WHERE id = :upload", {"upload": row["upload"]})
        if upload is None or upload["email"] is None:
            raise _Unknown
        queue = (await places(connection, [row["upload"]])).get(row["upload"])
        receipt = render_receipt(
            row["upload"], queue, page=self._links.page(row["upload"]), locale=row["locale"] or "en"
        )
        return {
            "recipient": upload["email"],
            "subject": receipt.subject,
            "text": receipt.text,
            "html": receipt.html,
            "message_id": f"<precieux.receipt-{row['id']}@{self._domain}>",
        }

    async def _result(self, connection: Connection, row: Record) -> Mapping[str, str]:
        """Render the mail of a result again. Its link to the output works for another week."""
        stored = await connection.fetch_one(_RESULT, {"job": row["job"]})
        if stored is None or stored["email"] is None or stored["engine"] is None:
            raise _Unknown
        outcome = _outcome(stored)
        link = None
        if stored["output_key"] is not None and outcome.answer and outcome.answer.output:
            link = await self._store.link(stored["output_key"], expires_in=LINK_LIFETIME)
        job = ClaimedJob(
            row["job"],
            row["upload"],
            stored["email"],
            None,
            stored["request_id"] or UUID(int=0),
            stored["attempt"],
            stored["lease_id"] or UUID(int=0),
        )
        email = render(job, outcome, filelink=link, domain=self._domain)
        return {
            "recipient": stored["email"],
            "subject": email.subject,
            "text": email.text,
            "html": email.html,
            # The first mail's id would make receivers drop this one.
            "message_id": f"<precieux.{job.request_id}.{row['id']}@{self._domain}>",
        }


def _outcome(stored: Record) -> Outcome:
    """Return the outcome of a job from its stored result."""
    engine: dict[str, Any] = json.loads(stored["engine"])
    answer = RunResponse.model_validate({**engine, "output": stored["output"] or "", "error": stored["error"] or ""})
    if stored["stderr"] is None and stored["compile_output"] is None and stored["tests"] is None:
        return decide(answer)
    tests = None
    if stored["tests"] is not None:
        ended = json.loads(stored["ended"] or "{}")
        tests = tuple(
            TestOutcome(test["name"], test["hidden"], test["points"], **ended.get(str(number), {}))
            for number, test in enumerate(json.loads(stored["tests"]), 1)
        )
    return decide(answer, Details(stored["stderr"], stored["compile_output"], tuple(stored["cut"] or ()), tests))
