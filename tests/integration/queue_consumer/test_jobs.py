import asyncio
import hashlib
import json
import tracemalloc
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from queue_consumer.jobs import JobMaker
from shared.adapters.broker.base import Ack, Delivery, Reject
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.files.archives import pack
from shared.common.service.errors import StoreUnavailable
from tests.integration.fake_store import FakeStore, maker_of
from tests.integration.rows import add_upload, execute, fetch, notified
from tests.waiting import eventually

SOURCE = "print('سلام 🌱')\n"


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def consumer(database: Database, store: FakeStore) -> JobMaker:
    return maker_of(database, store)


def delivery(upload: int | bytes, request: uuid.UUID | str | None = None, attempt: int = 1) -> Delivery:
    body = upload if isinstance(upload, bytes) else str(upload).encode()
    return Delivery(body, str(request) if request else None, attempt)


async def requested(
    database: Database, store: FakeStore, data: bytes | None = b"x", **columns: Any
) -> tuple[int, uuid.UUID]:
    """Add a requested submission whose file is `data`; return its id and its request."""
    if data is not None:
        store.objects["p.py"] = data
    request = uuid.uuid4()
    return await add_upload(database, object_key="p.py", request_id=request, **columns), request


async def test_an_id_becomes_a_job_with_the_submissions_text(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    sha256 = hashlib.sha256(SOURCE.encode()).hexdigest()
    upload, request = await requested(database, store, SOURCE.encode(), sha256=sha256)
    assert await consumer.handle([delivery(upload, request)]) == [Ack()]
    [job] = await fetch(database, "SELECT * FROM job")
    assert json.loads(job["job"]) == {"language": "python", "inputs": "in", "contents": SOURCE}
    assert (job["upload"], job["status"], job["request_id"]) == (upload, "none-executed", request)


@pytest.mark.slow
async def test_a_batch_of_the_heaviest_submissions_fits_in_memory(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    # In JSON a control character takes six bytes; in Python a wide character makes every other take four.
    text = "\x01" * ((1 << 20) - 4) + "\N{SEEDLING}"
    requests = []
    for number in range(25):
        request = uuid.uuid4()
        key = f"{number}.py"
        upload = await add_upload(database, object_key=key, request_id=request)
        requests.append(delivery(upload, request))
        store.objects[key] = text.encode()
    await execute(database, "UPDATE uploads SET inputs = :text, size_bytes = octet_length(:text)", text=text)
    tracemalloc.start()
    try:
        assert await consumer.handle(requests) == [Ack()] * 25
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20
    [job] = await fetch(database, "SELECT job FROM job ORDER BY id LIMIT 1")
    assert json.loads(job["job"]) == {"language": "python", "inputs": text, "contents": text}


async def test_a_strangers_message_without_an_id_makes_one_job_too(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    upload = await add_upload(database)
    store.objects[f"{upload}.py"] = b"x"
    # The original's publisher puts a full stop behind the id, and its rows have no key.
    assert await consumer.handle([delivery(f"{upload}.".encode())]) == [Ack()]
    assert await consumer.handle([delivery(upload)]) == [Ack()]
    assert len(await fetch(database, "SELECT id FROM job")) == 1


async def test_a_row_without_a_language_is_rejected_at_once(database: Database, consumer: JobMaker) -> None:
    upload = await add_upload(database)
    await execute(database, "UPDATE uploads SET language = NULL WHERE id = :id", id=upload)
    assert await consumer.handle([delivery(upload)]) == [Reject(f"the file of submission {upload} is missing")]


async def test_a_blocked_submission_is_what_it_was_before_its_request(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    upload, request = await requested(database, store, enable=1, runs=2)
    await execute(database, "INSERT INTO job (upload, status) VALUES (:upload, 'executed')", upload=upload)
    async with notified(database, channels.SUBMISSIONS) as payloads:
        assert await consumer.handle([delivery(upload, request)]) == [Ack()]
        await eventually(lambda: payloads == [str(upload)])
    assert await fetch(database, "SELECT request_id, runs, outcome FROM uploads") == [
        {"request_id": None, "runs": 1, "outcome": "finished"}
    ]
    assert len(await fetch(database, "SELECT id FROM job")) == 1


async def test_enable_does_not_bind_a_run_of_the_api_v1(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    new = await requested(database, store, enable=1, spec={})
    rerun = await requested(database, store, enable=1, override={})
    await consumer.handle([delivery(*new), delivery(*rerun)])
    jobs = await fetch(database, "SELECT upload FROM job ORDER BY id")
    assert [job["upload"] for job in jobs] == [new[0], rerun[0]]


async def test_a_job_has_the_number_and_the_time_of_its_request(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    upload, request = await requested(database, store, runs=3, requested_at=datetime(2026, 1, 31, tzinfo=UTC))
    async with notified(database, channels.SUBMISSIONS) as payloads:
        await consumer.handle([delivery(upload, request)])
        await eventually(lambda: payloads == [str(upload)])
    assert await fetch(database, "SELECT number, requested_at FROM job") == [
        {"number": 3, "requested_at": datetime(2026, 1, 31, tzinfo=UTC)}
    ]
    assert await fetch(database, "SELECT runs FROM uploads") == [{"runs": 3}]


async def test_a_foreign_message_raises_the_number_of_runs(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    store.objects["p.py"] = b"x"
    upload = await add_upload(database, object_key="p.py", runs=2, outcome="finished", verdict="ok", override={})
    requests = [uuid.uuid4(), uuid.uuid4()]
    await consumer.handle([delivery(upload, request) for request in (requests[0], *requests)])
    await consumer.handle([delivery(upload, requests[1]), delivery(upload, uuid.uuid4())])
    jobs = await fetch(database, "SELECT number, requested_at IS NOT NULL AS is_timed FROM job ORDER BY id")
    assert jobs == [{"number": number, "is_timed": True} for number in (3, 4, 5)]
    [row] = await fetch(database, "SELECT runs, outcome, verdict, override, request_id FROM uploads")
    assert row.pop("request_id") in requests
    assert row == {"runs": 5, "outcome": None, "verdict": None, "override": None}


async def test_foreign_messages_at_one_time_get_numbers_of_their_own(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    store.objects["p.py"] = b"x"
    upload = await add_upload(database, object_key="p.py")
    await asyncio.gather(*(consumer.handle([delivery(upload, uuid.uuid4())]) for _ in range(8)))
    assert [job["number"] for job in await fetch(database, "SELECT number FROM job ORDER BY number")] == [*range(1, 9)]
    assert await fetch(database, "SELECT runs FROM uploads") == [{"runs": 8}]


async def test_the_job_of_several_files_has_the_entrys_text(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    archive = pack({"lib/helper.py": b"x = 1", "main.py": SOURCE.encode()})
    store.objects |= {"7.zip": archive, "8.zip": archive}
    requests = [uuid.uuid4(), uuid.uuid4()]
    files = [{"path": "lib/helper.py", "size_bytes": 5}, {"path": "main.py", "size_bytes": len(SOURCE)}]
    uploads = [
        await add_upload(database, object_key=key, request_id=request, spec={}, files=files, filename=entry)
        for key, request, entry in zip(("7.zip", "8.zip"), requests, ("main.py", "gone.py"), strict=True)
    ]
    settled = await consumer.handle([delivery(*both) for both in zip(uploads, requests, strict=True)])
    assert settled == [Ack(), Reject(f"the file gone.py of submission {uploads[1]} is missing")]
    good, bad = await fetch(database, "SELECT job, stop_reason FROM job ORDER BY upload")
    assert json.loads(good["job"])["contents"] == SOURCE
    assert bad["stop_reason"] == f"the file gone.py of submission {uploads[1]} is missing"


@pytest.mark.parametrize(
    ("data", "reason"), [(None, "is missing"), (b"", "is empty"), (b"other", "has changed since it was accepted")]
)
async def test_an_unusable_file_is_reported_and_fails_the_job(
    database: Database, store: FakeStore, consumer: JobMaker, data: bytes | None, reason: str
) -> None:
    digest = hashlib.sha256(b"accepted").hexdigest()
    upload, request = await requested(database, store, data, sha256=digest, spec={})
    [settled] = await consumer.handle([delivery(upload, request)])
    assert isinstance(settled, Reject)
    assert reason in settled.reason
    # A runner that claims it fails it and mails the reason.
    [job] = await fetch(database, "SELECT status, stop_reason, number, request_id FROM job")
    assert job == {"status": "none-executed", "stop_reason": settled.reason, "number": 1, "request_id": request}
    # If the message comes again, there is still one job.
    await consumer.handle([delivery(upload, request)])
    assert len(await fetch(database, "SELECT id FROM job")) == 1


@pytest.mark.parametrize(("data", "reason"), [(None, "is missing"), (b"", "is empty")])
async def test_a_classic_call_without_a_file_makes_no_job(
    database: Database, store: FakeStore, consumer: JobMaker, data: bytes | None, reason: str
) -> None:
    """The missing file is reported, as in the original. The submission may be requested again."""
    upload, request = await requested(database, store, data)
    assert await consumer.handle([delivery(upload, request)]) == [Reject(f"the file of submission {upload} {reason}")]
    assert await fetch(database, "SELECT id FROM job") == []
    assert await fetch(database, "SELECT request_id, enable FROM uploads") == [{"request_id": None, "enable": 0}]
    # An operator who has restored the file replays the dead letter.
    store.objects["p.py"] = b"x"
    assert await consumer.handle([delivery(upload, request)]) == [Ack()]
    assert len(await fetch(database, "SELECT id FROM job")) == 1


async def test_a_body_that_is_not_an_id_is_a_dead_letter(consumer: JobMaker) -> None:
    bodies = [b"", b"x", b"-1", b"0", b"1 2", b"1e3", "۱".encode(), b"\xff", b"9" * 30, b"7" * 6000]
    settled = await consumer.handle([delivery(body) for body in bodies])
    assert [type(one) for one in settled] == [Reject] * len(bodies)


async def test_an_unknown_id_and_an_odd_message_id_are_dead_letters(database: Database, consumer: JobMaker) -> None:
    upload = await add_upload(database)
    settled = await consumer.handle([delivery(10**9), delivery(upload, "no uuid")])
    assert [isinstance(one, Reject) for one in settled] == [True, True]


async def test_an_unavailable_store_costs_no_message_an_attempt(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    store.failure = StoreUnavailable("down")
    upload = await add_upload(database, object_key="p.py")
    with pytest.raises(StoreUnavailable):
        await consumer.handle([delivery(upload, uuid.uuid4())])
    assert await fetch(database, "SELECT id FROM job") == []
    # A source that is in its row needs no store.
    upload = await add_upload(database, object_key="p.py", spec={}, content=SOURCE.encode())
    assert await consumer.handle([delivery(upload, uuid.uuid4())]) == [Ack()]


async def test_the_jobs_of_a_batch_queue_by_key_and_by_sender(
    database: Database, store: FakeStore, consumer: JobMaker
) -> None:
    store.objects["p.py"] = b"x"
    senders = ["a@example.com", "a+x@example.com", "b@example.com", "A@example.com"]
    uploads = [await add_upload(database, object_key="p.py", email=sender) for sender in senders]
    await consumer.handle([delivery(upload, uuid.uuid4()) for upload in uploads[:2]])
    await consumer.handle([delivery(upload, uuid.uuid4()) for upload in uploads[2:]])
    jobs = await fetch(database, "SELECT upload, turn, place FROM job ORDER BY upload")
    assert [(job["turn"], job["place"]) for job in jobs] == [(0, 0), (1, 1), (2, 0), (3, 2)]


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_request_that_comes_again_makes_one_job(
    database: Database, store: FakeStore, consumer: JobMaker, is_named: bool
) -> None:
    upload, request = await requested(database, store)
    # A stranger's messages name no request: all mean the same one.
    message = delivery(upload, request if is_named else None)
    assert await consumer.handle([message] * 3) == [Ack()] * 3
    assert await consumer.handle([replace(message, attempt=2)]) == [Ack()]
    assert len(await fetch(database, "SELECT id FROM job")) == 1
