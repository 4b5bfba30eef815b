"""Compares the books of the parts after the faults: clients, API, database, object store, mailbox and receiver.

Each keeps its own record of what happened. `disagreements` returns the places where two of them differ.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import boto3
import requests

from api_service.background.readiness import READINESS_KEY
from job_runner.upkeep.orphans import Orphans
from shared.adapters.storage.s3 import S3Store
from tests.chaos.cluster.world import BUCKET, KEY, World
from tests.chaos.load import Load
from tests.chaos.v1 import Kind
from tests.fixtures.postgres import connected, in_thread

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: The cleaner looks at a day that has been over for a day.
_LATER: Final = timedelta(days=3)
_OUTPUT: Final = re.compile(r"results/(\d+)-")


@dataclass(frozen=True, slots=True)
class Books:
    """`known` are the ids that clients got. The states are by id, those of mails and webhooks by message id."""

    known: Sequence[int] = ()
    listed: Sequence[tuple[int, str]] = ()
    stored: Mapping[int, str] = field(default_factory=dict)
    #: The files that the database names, the jobs in it, and the keys in the object store.
    files: Sequence[str] = ()
    jobs: Sequence[int] = ()
    objects: Sequence[str] = ()
    #: The ids of the jobs that have ended with a result, and those of the results.
    executed: Sequence[int] = ()
    results: Sequence[int] = ()
    #: The mails by message id: the database's state, and how often each has arrived.
    mails: Mapping[str, str] = field(default_factory=dict)
    mailbox: Mapping[str, int] = field(default_factory=dict)
    #: The same of the webhooks.
    webhooks: Mapping[str, str] = field(default_factory=dict)
    received: Mapping[str, int] = field(default_factory=dict)
    #: Rows whose owner is gone, as table and number.
    rows_alone: Sequence[tuple[str, int]] = ()


def disagreements(books: Books) -> list[str]:
    """Return what one part knows and another does not."""
    return [
        *_of_lists(books),
        *_of_store(books),
        *_of_messages("mail", books.mails, "sent", books.mailbox),
        *_of_messages("webhook", books.webhooks, "delivered", books.received),
        *(f"{count} rows of {table} belong to nothing" for table, count in books.rows_alone if count),
    ]


def _of_lists(books: Books) -> Iterator[str]:
    times = Counter(id_ for id_, _ in books.listed)
    yield from (f"the API lists submission {id_} {count} times" for id_, count in times.items() if count > 1)
    yield from (f"submission {id_} was acknowledged, and the API does not list it" for id_ in {*books.known} - {*times})
    yield from (f"the API lists submission {id_}, and it is not stored" for id_ in times.keys() - books.stored.keys())
    yield from (f"submission {id_} is stored, and the API does not list it" for id_ in books.stored.keys() - {*times})
    for id_, state in books.listed:
        if id_ in books.stored and state != books.stored[id_]:
            yield f"submission {id_} is {state} in the API's list, and {books.stored[id_]} in the database"
    for job, count in Counter(books.results).items():
        if count > 1:
            yield f"job {job} has {count} results"
    if {*books.executed} != {*books.results}:
        yield f"{len({*books.executed})} jobs were executed, and {len({*books.results})} have a result"


def _of_store(books: Books) -> Iterator[str]:
    yield from (f"the file {key} is not in the store" for key in {*books.files} - {*books.objects})
    for key in {*books.objects} - {*books.files} - {READINESS_KEY}:
        output = _OUTPUT.match(key)
        # A run that was repeated has left outputs of its first attempts. They are removed with their job.
        if output is None or int(output[1]) not in books.jobs:
            yield f"the object {key} belongs to nothing after the sweep"


def _of_messages(what: str, states: Mapping[str, str], done: str, arrived: Mapping[str, int]) -> Iterator[str]:
    sent = {name for name, state in states.items() if state == done}
    yield from (f"the {what} {name} is {done}, and did not arrive" for name in sent - arrived.keys())
    for name in arrived.keys() - states.keys():
        yield f"the {what} {name} arrived {arrived[name]} times, and is not in the database"


_STATES: Final = """
    SELECT id, CASE WHEN request_id IS NOT NULL THEN 'queued' ELSE coalesce(outcome, 'held') END AS state FROM uploads
"""
_WEBHOOKS: Final = "SELECT 'msg_' || replace(CAST(message_id AS text), '-', '') AS name, status FROM webhooks"
_ROWS_ALONE: Final = """
    SELECT 'job' AS part, count(*) AS rows FROM job WHERE upload IS NULL OR upload NOT IN (SELECT id FROM uploads)
    UNION ALL SELECT 'results', count(*) FROM results WHERE job NOT IN (SELECT id FROM job)
    UNION ALL SELECT 'test_results', count(*) FROM test_results WHERE job NOT IN (SELECT id FROM job)
    UNION ALL SELECT 'emails', count(*) FROM emails WHERE job IS NULL AND upload IS NULL AND batch IS NULL
    UNION ALL SELECT 'webhooks', count(*) FROM webhooks WHERE upload IS NULL AND batch IS NULL
    UNION ALL SELECT 'outbox', count(*) FROM outbox
"""
#: Those that are not in their rows.
_FILES: Final = "SELECT object_key FROM uploads WHERE object_key IS NOT NULL AND content IS NULL"


def sweep_and_read(world: World, load: Load) -> Books:
    """Sweep as the runner's cleaner does some days later, and return the books."""
    os.environ |= world.store.environment
    store = boto3.client("s3", endpoint_url=world.store.endpoint_url)
    store.create_bucket(Bucket=BUCKET)  # if no file was ever stored
    _sweep(world)
    ids = [one.id for one in load.submissions if one.accepted]
    posted = [one.id for one in load.posted if one.accepted and one.kind is not Kind.BATCH and one.id is not None]
    uploads = world.query(_STATES)
    jobs = world.query("SELECT id, status FROM job")
    return Books(
        known=[*ids, *posted],
        listed=list(_listed(world)),
        stored={row["id"]: row["state"] for row in uploads},
        files=[row["object_key"] for row in world.query(_FILES)],
        jobs=[row["id"] for row in jobs],
        objects=_objects(store),
        executed=[row["id"] for row in jobs if row["status"] == "executed"],
        results=[row["job"] for row in world.query("SELECT job FROM results")],
        mails={row["message_id"]: row["status"] for row in world.query("SELECT message_id, status FROM emails")},
        mailbox=Counter(mail.fields["h:Message-Id"] for mail in world.mailgun.accepted),
        webhooks={row["name"]: row["status"] for row in world.query(_WEBHOOKS)},
        received=world.receiver.arrived,
        rows_alone=[(row["part"], row["rows"]) for row in world.query(_ROWS_ALONE)],
    )


def _listed(world: World) -> Iterator[tuple[int, str]]:
    parameters: dict[str, Any] = {"limit": 200}
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {KEY}"
        while True:
            answer = session.get(f"{world.urls[0]}/v1/submissions", params=parameters, timeout=30)
            answer.raise_for_status()
            page = answer.json()
            yield from ((item["id"], item["state"]) for item in page["items"])
            if page["next"] is None:
                return
            parameters["cursor"] = page["next"]


def _objects(store: "S3Client") -> list[str]:
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [one["Key"] for page in pages for one in page.get("Contents", ())]


def _sweep(world: World) -> None:
    async def main() -> None:
        store = S3Store(BUCKET, world.store.endpoint_url)
        async with connected(world.database_url()) as database:
            await Orphans(database, store, today=lambda: (datetime.now(UTC) + _LATER).date()).remove()
        await store.close()

    in_thread(lambda: asyncio.run(main()))
