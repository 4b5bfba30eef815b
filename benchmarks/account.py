"""Measures the CPU time of each part of one submission, in microseconds: `python -m benchmarks.account`.

The parts of the services run one after the other in this process, on a Postgres of their own, so other load changes the
figures little. The HTTP server, RabbitMQ and waits are left out; `python -m benchmarks.costs` measures whole processes.
"""

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import uvloop
from pydantic import SecretStr
from pydantic_core import from_json

from api_service.__main__ import _compose
from api_service.announcer import Announcer
from api_service.app import create_app
from api_service.settings import ApiSettings
from benchmarks.load import SOURCE
from benchmarks.sustained import null_engine
from job_runner import claim
from job_runner.codex_client import CodexClient
from job_runner.emails import queue
from job_runner.emails.complete import Completion
from job_runner.emails.footer import Footer
from job_runner.emails.letterhead import Letterhead
from job_runner.emails.render import render
from job_runner.finish import Ending, finish
from job_runner.mailers.files import FileMailer
from job_runner.mailers.settings import MailSettings
from job_runner.outcome import decide
from job_runner.settings import EngineSettings
from precieux.postgres.embedded import EmbeddedPostgres
from queue_consumer.consumer import Consumer
from queue_consumer.jobs import JobMaker
from queue_consumer.outbox_consumer import OutboxConsumer
from shared.database.connection import Database, DatabaseSettings
from shared.database.migrate import upgrade
from shared.database.roles import Role
from shared.logging import LogSettings, configure_logging
from shared.resources.links import Links
from shared.settings import load
from shared.storage import open_signer, open_store
from shared.storage.base import ObjectStore
from shared.storage.output_keys import LINK_LIFETIME, output_key
from shared.storage.settings import StoreSettings

_ROUNDS: Final = 300
_WARM_UP: Final = 30
#: The first id that a client chooses. Those that the server assigns are far below.
_FIRST_ID: Final = 1 << 40
_KEY: Final = "k" * 40
_BOUNDARY: Final = "account"


class _Account:
    """Adds up the CPU time of parts: ours with the files we write, and that of the Postgres server."""

    def __init__(self, server: int) -> None:
        self._server = server
        self.parts: dict[str, list[tuple[float, float]]] = defaultdict(list)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        ours, theirs = time.process_time_ns(), self._servers_ns()
        yield
        ours, theirs = time.process_time_ns() - ours, self._servers_ns() - theirs
        self.parts[name].append((ours / 1000, theirs / 1000))

    def _servers_ns(self) -> int:
        """Return the time of the one backend that serves us. The first word of schedstat is nanoseconds (proc(5))."""
        return int(Path(f"/proc/{self._server}/schedstat").read_text().split()[0])


async def _measure(folder: Path, postgres: EmbeddedPostgres) -> dict[str, list[tuple[float, float]]]:
    url = postgres.url(Role.OWNER)
    database = Database(DatabaseSettings(database_url=SecretStr(url), database_pool_size=2))
    await database.connect()
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT pg_backend_pid() AS pid")
        assert row is not None
    account = _Account(row["pid"])
    settings, mail = load(ApiSettings), load(MailSettings)
    store, signer = open_store(load(StoreSettings)), open_signer(load(StoreSettings))
    app = create_app(_compose(settings, database, store, Announcer(database)))
    source, consumer = OutboxConsumer(database), Consumer(JobMaker(database, store))
    engine = CodexClient(load(EngineSettings))
    links = Links(signer)
    letterhead = Letterhead(mail.domain, links, mail.mail_attachment_bytes)
    completion = Completion(letterhead, Footer(sender=mail.mail_from, contact=mail.complaints), store)
    mailer = FileMailer(folder / "outbox", Address("Precieux", "precieux", "example.com"))
    try:
        for number in range(_FIRST_ID, _FIRST_ID + _WARM_UP + _ROUNDS):
            if number == _FIRST_ID + _WARM_UP:
                account.parts.clear()
            email = f"load{number % 50}@example.com"
            with account.part("classic: POST /submit_email/"):
                await _submit(app, number, email)
            with account.part("classic: GET /check_email/"):
                await _call(app, "GET", "/check_email/", f"id={number}")
            with account.part("v1: POST /v1/submissions"):
                await _post(app, email)
            with account.part("consumer: make the jobs of two requests"):
                await source._consume_batch(consumer.handle)
            await _run_jobs(account, database, store, engine, letterhead)
            await _send_mails(account, database, completion, mailer)
    finally:
        await engine.close()
        await database.disconnect()
    return account.parts


async def _submit(app: Any, number: int, email: str) -> None:
    query = urlencode({"id": number, "email": email, "inputs": "1000", "language": "python", "enable": 0})
    part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="p{number}.py"\r\n'
    body = f"{part}Content-Type: text/x-python\r\n\r\n".encode() + SOURCE + f"\r\n--{_BOUNDARY}--\r\n".encode()
    await _call(app, "POST", "/submit_email/", query, body, f"multipart/form-data; boundary={_BOUNDARY}")


async def _post(app: Any, email: str) -> None:
    content = {"language": "python", "source": SOURCE.decode(), "stdin": "1000", "email": email}
    await _call(app, "POST", "/v1/submissions", "", json.dumps(content).encode(), "application/json")


async def _run_jobs(
    account: _Account, database: Database, store: ObjectStore, engine: CodexClient, letterhead: Letterhead
) -> None:
    while True:
        with account.part("runner: claim"):
            async with database.connection() as connection:
                jobs = await claim.claim(connection, limit=1, lease_seconds=15)
        if not jobs:
            account.parts["runner: claim"].pop()
            return
        [job] = jobs
        assert job.job is not None
        with account.part("runner: read the job, call the engine, decide"):
            fields = from_json(job.job)
            answer = await engine.run(
                code=fields["contents"], language="py", inputs=fields["inputs"], share="key-0", filename=job.filename
            )
            outcome = decide(answer)
        with account.part("runner: store the output"):
            key = output_key(job.id, job.attempt, job.lease_id)
            await store.put(key, outcome.output)
            link = await store.link(key, expires_in=LINK_LIFETIME)
        with account.part("runner: render the mail"):
            email = render(job, outcome, letterhead, filelink=link, output_key=key)
        with account.part("runner: write the outcome"):
            async with database.connection() as connection:
                await finish(connection, [Ending(job, outcome, email, output_key=key, filelink=link)])


async def _send_mails(account: _Account, database: Database, completion: Completion, mailer: FileMailer) -> None:
    while True:
        with account.part("mails: claim"):
            async with database.connection() as connection:
                mails = await queue.claim(connection, limit=1, lease_seconds=15)
        if not mails:
            account.parts["mails: claim"].pop()
            return
        [mail] = mails
        with account.part("mails: complete, write the file"):
            provider_id = await mailer.send(await completion.complete(mail))
        with account.part("mails: mark as sent"):
            async with database.connection() as connection:
                await queue.mark_sent(connection, [(mail.id, provider_id)])


async def _call(app: Any, method: str, path: str, query: str = "", body: bytes = b"", media_type: str = "") -> bytes:
    """Call the ASGI application as uvicorn does, and return the body of its answer."""
    headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", media_type.encode())]
    headers += [(b"authorization", b"Bearer " + _KEY.encode())]
    headers += [(b"content-length", str(len(body)).encode())] if body else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": headers, "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {}, "extensions": {},
    }  # fmt: skip
    answer: list[bytes] = []
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        answer.append(message.get("body", b""))

    await app(scope, receive, send)
    if statuses[0] >= 300:
        raise RuntimeError(f"{method} {path} was answered with {statuses[0]}: {b''.join(answer)[:200]!r}")
    return b"".join(answer)


def main() -> int:
    configure_logging("benchmark", LogSettings(log_level="WARNING"))
    folder = Path(tempfile.mkdtemp(prefix="precieux-account-"))
    folder.chmod(0o711)  # root's Postgres runs as another user, which must pass through it
    try:
        with EmbeddedPostgres(folder / "postgres") as postgres, null_engine() as codex_url:
            upgrade(postgres.url(Role.OWNER))
            os.environ |= {"PRECIEUX_DATA_DIR": str(folder), "PRECIEUX_CODEX_URL": codex_url}
            os.environ["PRECIEUX_LOCAL_KEY"] = _KEY
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                parts = runner.run(_measure(folder, postgres))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'part':50} {'ours':>8} {'Postgres':>8}   (microseconds, the tenth percentile of {_ROUNDS})")
    for name, each in parts.items():
        # Other load makes a part slower, never faster.
        ours, theirs = (statistics.quantiles(values, n=10)[0] for values in zip(*each, strict=True))
        print(f"{name:50} {ours:8.0f} {theirs:8.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
