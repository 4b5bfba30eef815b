"""Puts the output and the artifacts of a run in the object store.

They are stored before the outcome. So a crash in between leaves objects without a result, and never a result without
its output.
"""

import hashlib
from typing import Final

from job_runner.emails.texts.result_mail import has_link
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import Outcome, StoredFiles
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.output_keys import artifact_key, output_key
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.artifacts import StoredArtifact, media_type_of

#: The longest output that only the row of its result holds. The API reads as much in one piece.
_IN_ROW_BYTES: Final = 64 << 10


async def store_files(store: ObjectStore, job: ClaimedJob, outcome: Outcome) -> StoredFiles:
    """Store the output if its row cannot hold it or a mail links to it, and the artifacts if there are any."""
    key = link = artifacts = None
    if _needs_object(job, outcome):
        key = output_key(job.id, job.attempt, job.lease_id)
        await store.put(key, outcome.output, content_type="text/plain; charset=utf-8")
        link = await store.link(key)
    if outcome.details is not None and outcome.details.artifacts is not None:
        artifacts = []
        for number, artifact in enumerate(outcome.details.artifacts, 1):
            name, content = artifact.name, artifact.content
            stored_at = artifact_key(job.id, job.attempt, job.lease_id, number)
            # As unknown bytes: only the API serves them, with header fields that make them harmless.
            await store.put(stored_at, content)
            digest = hashlib.sha256(content).hexdigest()
            artifacts.append(StoredArtifact(name, len(content), media_type_of(name, content), digest, stored_at))
    return StoredFiles(key, link, None if artifacts is None else tuple(artifacts))


async def remove_files(store: ObjectStore, files: StoredFiles) -> None:
    for key in (files.output_key, *(artifact.key for artifact in files.artifacts or ())):
        if key is not None:
            await store.delete(key)


def _needs_object(job: ClaimedJob, outcome: Outcome) -> bool:
    if outcome.answer is None or outcome.tests is not None:
        return False
    text, output = outcome.answer.output, outcome.output
    is_linked = bool(job.recipient) and has_link(job, text)
    return is_linked or len(output) > _IN_ROW_BYTES or strip_nul(text).encode() != output
