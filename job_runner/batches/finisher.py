"""Finishes batches: after the last submission, writes the end, the webhook and the digests."""

from collections import defaultdict
from collections.abc import Collection
from functools import partial
from typing import Final

from job_runner.batches.loop import BatchLoop
from job_runner.emails.sending.queue import add_of_batch
from job_runner.emails.texts.digest import Line, render_digest
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection
from shared.common.service.logging import get_logger
from shared.common.text.email_addresses import as_addressed
from shared.records.resources.statements import LATEST_JOB
from shared.records.resources.states import MailKind

log = get_logger(__name__)

# A batch is finished by one runner: the row is locked, and others skip it.
_FINISH: Final = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM batches
        WHERE finished_at IS NULL AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(:ids)) AND NOT EXISTS (
            SELECT FROM uploads WHERE batch = batches.id AND (request_id IS NOT NULL OR outcome IS NULL)
        )
        ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ), finished AS (
        UPDATE batches SET finished_at = now() FROM due WHERE batches.id = due.id
        RETURNING batches.id, owner, digest, digest_to, webhook_url
    ), called AS (
        INSERT INTO webhooks (owner, batch, type, url)
        SELECT owner, id, 'batch.finished', webhook_url FROM finished WHERE webhook_url IS NOT NULL
    )
    SELECT id, digest, digest_to, webhook_url, pg_notify('{channels.BATCHES}', CAST(id AS text)),
        CASE WHEN webhook_url IS NOT NULL THEN pg_notify('{channels.WEBHOOKS}', '') END
    FROM finished
"""  # noqa: S608  (constants)
_LINES: Final = f"""
    SELECT u.id, u.email, u.filename, u.language, u.outcome, u.verdict, u.spec ->> 'locale' AS locale,
        r.points, r.points_awarded,
        (SELECT problem || '@' || version FROM problem_versions WHERE id = u.problem_version) AS problem
    FROM uploads u {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
    WHERE u.batch = :batch ORDER BY u.id
"""  # noqa: S608  (constants)


class BatchFinisher(BatchLoop):
    """Finishes batches. Any number of runners may do it at once."""

    async def run_once(self, among: Collection[int] | None = None) -> int | None:
        """Finish one batch whose submissions have all ended, and return its id; None if there is no such batch."""
        async with self._database.transaction() as connection:
            batch = await connection.fetch_one(_FINISH, {"ids": None if among is None else list(among)})
            if batch is None:
                return None
            to = batch["digest_to"]
            mails = await self._add_digests(connection, batch["id"], to) if batch["digest"] or to else 0
        log.info("batch.finished", batch=batch["id"], digests=mails, webhook=batch["webhook_url"] is not None)
        finished: int = batch["id"]
        return finished

    async def _add_digests(self, connection: Connection, batch: int, digest_to: str | None) -> int:
        """Add one mail for each address, or one for all submissions to `digest_to`, and return their number."""
        by_address: dict[str, list[tuple[str, str, Line]]] = defaultdict(list)
        for row in await connection.fetch_all(_LINES, {"batch": batch}):
            line = Line(
                id=row["id"],
                file=row["filename"] or "",
                language=row["language"] or "",
                result=row["verdict"] or row["outcome"] or "",
                page=self._branding.links.page(row["id"]),
                points=row["points"],
                points_awarded=row["points_awarded"],
                problem=row["problem"],
            )
            if address := digest_to or row["email"]:
                by_address[as_addressed(address)].append((address, row["locale"] or "en", line))
        mails = []
        for entries in by_address.values():
            # The first submission decides the spelling of the address and the language.
            recipient, locale, _ = entries[0]
            lines = [line for *_, line in entries]
            render = partial(render_digest, batch, lines, self._branding, recipient=recipient, locale=locale)
            mails.append((recipient, locale, render))
        await add_of_batch(connection, MailKind.DIGEST, batch, mails)
        return len(mails)
