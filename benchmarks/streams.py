"""Measures a thousand open event streams at one API process: memory, idle CPU time, and how soon each sends an end."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from benchmarks.findings import Finding
from benchmarks.processes import cpu_seconds, resident_bytes, service
from benchmarks.surroundings import Installation, Surroundings
from shared import channels

_STREAMS: Final = 1000
_IDLE_SECONDS: Final = 40.0
#: Streams that are opened at once.
_AT_ONCE: Final = 50
#: Seconds between two ends in the round of single ends.
_PACE_SECONDS: Final = 0.01

_MOST_MEBIBYTES: Final = 100
_MOST_IDLE: Final = 0.05
_MOST_SECONDS: Final = 1.0

_FILL: Final = """
    WITH made AS (
        INSERT INTO uploads (language, filename, files, spec, request_id, requested_at, runs)
        SELECT 'py', 'main.py', '[{"path": "main.py", "size_bytes": 9}]', '{}', gen_random_uuid(), now(), 1
        FROM generate_series(1, $1) RETURNING id, request_id, requested_at
    )
    INSERT INTO job (upload, job, request_id, requested_at, status, attempt, started_at, turn, place)
    SELECT id, '{}', request_id, requested_at, $2, $3, now(), id, id FROM made ORDER BY id
"""
_END: Final = """
    WITH ended AS (
        UPDATE job SET status = 'executed', attempt = 1, finished_at = now() WHERE upload = ANY($1) RETURNING id, upload
    ), stored AS (
        INSERT INTO results (job, upload, verdict, output, stderr, exit_code)
        SELECT id, upload, 'ok', repeat('x', 1000), '', 0 FROM ended
    )
    UPDATE uploads SET request_id = NULL, outcome = 'finished', verdict = 'ok' FROM ended
    WHERE uploads.id = ended.upload RETURNING pg_notify($2, CAST(uploads.id AS text))
"""


@dataclass
class _Client:
    """An open stream. `finished_at` is when its last event came, `queued` the number of its `queue` events."""

    submission: int
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    finished_at: float = 0.0
    queued: int = 0

    async def follow(self, host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        path = f"/v1/submissions/{self.submission}/events"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"HTTP/1.1") and b" 200 " not in line:
                    raise RuntimeError(f"the stream was refused: {line!r}")
                self._note(line)
        finally:
            writer.close()

    def _note(self, line: bytes) -> None:
        if line.startswith(b"data: ") and not self.opened.is_set():
            self.opened.set()
        elif line.startswith(b"event: finished"):
            self.finished_at = time.monotonic()
            self.finished.set()
        elif line.startswith(b"event: queue"):
            self.queued += 1


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    for status, what in (("executing", "running"), ("none-executed", "queued")):
        ours = surroundings.installation(max_streams=str(2 * _STREAMS))
        with service("api_service", ours.environment) as pid:
            yield from asyncio.run(_measure(ours, pid, status, what))


async def _measure(ours: Installation, pid: int, status: str, what: str) -> list[Finding]:
    connection = await asyncpg.connect(ours.database_url)
    clients = [_Client(submission) for submission in await _fill(connection, status)]
    host, port = urlsplit(ours.url).hostname or "", urlsplit(ours.url).port or 0
    # The first requests fill caches and the pool.
    tasks = [asyncio.create_task(client.follow(host, port)) for client in clients[:10]]
    await _opened(clients[:10])
    await asyncio.sleep(1)
    before = resident_bytes(pid)
    try:
        for start in range(10, len(clients), _AT_ONCE):
            some = clients[start : start + _AT_ONCE]
            tasks += [asyncio.create_task(client.follow(host, port)) for client in some]
            await _opened(some)
        await asyncio.sleep(3)
        idle_from, cpu_before = time.monotonic(), cpu_seconds(pid)
        await asyncio.sleep(_IDLE_SECONDS)
        idle = (cpu_seconds(pid) - cpu_before) / (time.monotonic() - idle_from)
        mebibytes = (resident_bytes(pid) - before) / (1 << 20)
        half = len(clients) // 2
        single = [delay for client in clients[:half] for delay in await _end(connection, [client], _PACE_SECONDS)]
        cpu_before = cpu_seconds(pid)
        at_once = await _end(connection, clients[half:], 0)
        cpu = cpu_seconds(pid) - cpu_before
        await asyncio.wait(tasks, timeout=30)
        assert all(task.done() for task in tasks), "a stream did not end"
    finally:
        for task in tasks:
            task.cancel()
        await connection.close()
    count = len(clients)
    return [
        Finding(
            f"memory of {count} streams, {what}",
            f"{mebibytes:.0f} MiB more",
            f"{before / (1 << 20):.0f} MiB without",
            None,
            f"< {_MOST_MEBIBYTES} MiB",
            mebibytes < _MOST_MEBIBYTES,
        ),
        Finding(
            f"CPU of {count} idle streams, {what}",
            f"{idle:.1%} of a core",
            "",
            None,
            f"< {_MOST_IDLE:.0%}",
            idle < _MOST_IDLE,
            {"seconds": _IDLE_SECONDS, "queue_events": sum(client.queued for client in clients)},
        ),
        _latency(f"an end to its stream, one every {_PACE_SECONDS * 1000:g} ms, {what}", single, {}),
        _latency(f"{len(at_once)} ends at once to their streams, {what}", at_once, {"api_cpu_s": cpu}),
    ]


def _latency(name: str, delays: Sequence[float], details: dict[str, float]) -> Finding:
    ordered = sorted(delays)
    worst = ordered[-1]
    return Finding(
        name,
        f"{worst * 1000:.0f} ms at most",
        f"median {ordered[len(ordered) // 2] * 1000:.0f} ms",
        None,
        f"<= {_MOST_SECONDS:g} s",
        worst <= _MOST_SECONDS,
        {"p99_s": ordered[int(len(ordered) * 0.99)], **details},
    )


async def _fill(connection: asyncpg.Connection, status: str) -> list[int]:
    await connection.execute(_FILL, _STREAMS, status, int(status == "executing"))
    await connection.execute("ANALYZE")
    return [row["id"] for row in await connection.fetch("SELECT id FROM uploads ORDER BY id")]


async def _opened(clients: Sequence[_Client]) -> None:
    async with asyncio.timeout(60):
        for client in clients:
            await client.opened.wait()


async def _end(connection: asyncpg.Connection, clients: Sequence[_Client], pause: float) -> list[float]:
    """End these submissions in one transaction. Return how long after it the last event of each stream came."""
    await connection.fetch(_END, [client.submission for client in clients], channels.SUBMISSIONS)
    ended_at = time.monotonic()
    async with asyncio.timeout(30):
        for client in clients:
            await client.finished.wait()
    await asyncio.sleep(pause)
    return [max(0.0, client.finished_at - ended_at) for client in clients]
