"""Many engines are one: runs go to engines that have room, and an engine that is away holds up nobody."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from job_runner.runs.process import Processor
from precieux.host.ports import free_ports
from shared.adapters.database.connection import Database
from shared.adapters.engine import addresses, codex_client, engines
from shared.adapters.engine.addresses import BY_NAME, addresses_of
from shared.adapters.engine.engines import Engines
from shared.adapters.engine.settings import EngineSettings
from shared.adapters.storage.local import LocalStore
from shared.common.service import metrics
from shared.common.service.errors import EngineAway, EngineCrashed, EngineFull, EngineStopped
from shared.engine_api.event_lines import RunEvent
from tests.factories import BRANDING
from tests.fixtures.played_executors import PROGRAM, PlayedExecutor, played_executor
from tests.integration.job_runner.program_rows import all_are, running
from tests.integration.rows import add_job, fetch
from tests.waiting import eventually

Open = Callable[..., Awaitable[PlayedExecutor]]


class Name:
    """A name whose addresses the test chooses."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        (self.port,) = free_ports(1)
        self.url = f"http://engines.example.com:{self.port}"


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Name:
    name, resolve = Name(), socket.getaddrinfo

    def found(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        hosts = name.addresses if host == "engines.example.com" else [host]
        return [info for each in hosts for info in resolve(each, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(engines, "_LOOK_S", 0.01)
    return name


@asynccontextmanager
async def opened(name: Name, *, is_patient: bool = False) -> AsyncIterator[Engines]:
    client = Engines(EngineSettings.model_validate({"codex_url": name.url, "codex_token": "t"}), is_patient=is_patient)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def start(name: Name) -> AsyncIterator[Open]:
    """Start an executor at the next address, of those that the name has."""
    async with AsyncExitStack() as stack:

        async def start(**options: int) -> PlayedExecutor:
            host = f"127.0.0.{len(name.addresses) + 1}"
            executor = await stack.enter_async_context(played_executor(host, name.port, **options))
            name.addresses.append(host)
            return executor

        yield start


async def run(client: Engines, program: bytes = PROGRAM) -> list[RunEvent]:
    return [event async for event in client.run_program(program)]


def up() -> list[float]:
    return sorted(sample.value for sample in next(iter(metrics.ENGINE_UP.collect())).samples)


async def test_runs_go_where_there_is_room(name: Name, start: Open) -> None:
    """Each of two engines has 2 slots. A random choice would let one of 4 runs wait in most tries."""
    executors = [await start() for _ in range(2)]
    for executor in executors:
        executor.pipeline.may_end.clear()
    async with opened(name) as client:
        running = []
        for number in range(1, 5):
            running.append(asyncio.create_task(run(client)))
            await eventually(lambda number=number: sum(one.begun for one in executors) == number)  # type: ignore[misc]
        assert [executor.begun for executor in executors] == [2, 2]
        for executor in executors:
            executor.pipeline.may_end.set()
        await asyncio.gather(*running)


async def test_the_engine_that_has_run_a_program_gets_it_again(name: Name, start: Open) -> None:
    executors = [await start() for _ in range(2)]
    async with opened(name) as client:
        for number in range(12):  # the tests differ, and the program does not
            await run(client, PROGRAM.replace(b"[{}]", b'[{"stdin": "%d"}]' % number))
        assert sorted(executor.begun for executor in executors) == [0, 12]


async def test_addresses_come_and_go(name: Name, start: Open) -> None:
    first = await start()
    async with opened(name) as client:
        await run(client)
        second = await start()

        async def used() -> bool:
            await asyncio.gather(run(client), run(client), run(client))
            return second.begun > 0

        await eventually(used, what="the new address is used")
        name.addresses.pop(0)
        await eventually(lambda: up() == [1.0], what="the first address is forgotten")
        before = first.begun
        await asyncio.gather(*(run(client) for _ in range(8)))
        assert first.begun == before


async def test_an_engine_that_comes_back_amid_a_run_is_still_counted(name: Name, start: Open) -> None:
    executors = [await start() for _ in range(2)]
    for executor in executors:
        executor.pipeline.may_end.clear()
    async with opened(name) as client:
        running = asyncio.create_task(run(client))
        await eventually(lambda: sum(executor.begun for executor in executors) == 1)
        away = name.addresses.pop(executors.index(next(executor for executor in executors if executor.begun)))
        await eventually(lambda: len(client._gone) == 1)
        name.addresses.append(away)
        await eventually(lambda: len(client._engines) == 2)
        for executor in executors:
            executor.pipeline.may_end.set()
        await running
        await eventually(lambda: not client._gone)
        assert up() == [1.0, 1.0]


async def test_a_full_engine_is_no_outage(name: Name, start: Open) -> None:
    full = await start(slots=1, queue=0)
    full.pipeline.may_end.clear()
    before = metrics.ENGINE_FULL._value.get()
    async with opened(name) as client, opened(name, is_patient=True) as patient:
        held = asyncio.create_task(run(client))
        await eventually(lambda: full.begun == 1)
        with pytest.raises(EngineFull) as refused:
            await run(client)
        assert refused.value.retry_after == 1
        assert up() == [1.0]
        waiting = asyncio.create_task(run(patient))
        await eventually(lambda: patient.refused == 1)
        assert metrics.ENGINE_FULL._value.get() == before + 2
        other = await start()
        await eventually(lambda: len(client._engines) == 2)
        assert len(await run(client)) == 2  # it does not wait
        full.pipeline.may_end.set()
        await waiting
        assert (patient.refused, other.begun >= 1) == (0, True)
        await held


async def test_a_run_that_has_not_begun_goes_to_another_engine(name: Name, start: Open) -> None:
    well = await start()
    name.addresses.append("127.0.0.9")  # nobody listens there
    async with opened(name) as client:
        for number in range(20):
            assert len(await run(client, PROGRAM.replace(b"pass", b"%d" % number))) == 2
        assert up() == [0.0, 1.0]
        async with played_executor("127.0.0.9", name.port) as back:
            await eventually(lambda: up() == [1.0, 1.0], what="the engine is found again")
            # One `GET /list` has found it.
            assert back.paths == ["/list"]
        assert well.begun == 20


async def test_an_engine_that_stops_gets_nothing_more(name: Name, start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executor.__main__.GRACE_SECONDS", 3600)
    stopping, well = await start(), await start()
    stopping.pipeline.may_end.clear()
    async with opened(name) as client:
        for number in range(1000):  # until one goes there
            held = asyncio.create_task(run(client, PROGRAM.replace(b"pass", b"%d" % number)))
            began = asyncio.create_task(stopping.pipeline.running.wait())
            await asyncio.wait([held, began], return_when="FIRST_COMPLETED")
            began.cancel()
            if not held.done():
                break
        stopping.stop.set()
        await eventually(lambda: stopping.runs.is_stopping)
        for engine in client._engines.values():
            await engine.client.languages()  # the first answer that says so
        before = stopping.paths.count("/run")
        await asyncio.gather(*(run(client) for _ in range(20)))
        assert stopping.paths.count("/run") == before
        assert well.begun >= 20
        await stopping.runs.stop(0)
        with pytest.raises(EngineStopped):
            await held


async def test_only_when_all_are_away_is_the_engine_away(name: Name) -> None:
    name.addresses = ["127.0.0.8", "127.0.0.9"]
    async with opened(name) as client:
        with pytest.raises(EngineAway) as away:
            await run(client)
        assert away.type is EngineAway
        assert up() == [0.0, 0.0]
        assert not await client.is_well()
        # The next job tries them all, so that a pause ends as soon as one is back.
        async with played_executor("127.0.0.9", name.port):
            assert len(await run(client)) == 2


async def test_silence_ends_a_run_only_if_signs_of_life_were_promised(
    name: Name, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codex_client, "_SILENT_SECONDS", 0.2)
    monkeypatch.setattr(codex_client, "_WELL_SECONDS", 0.2)
    name.addresses = ["127.0.0.1"]
    started = b'{"event":"started","language":"py","info":"","compile":null,"run":"","instance":"x"}\n'
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nPrecieux-Slots: slots=1, free=0, waiting=0\r\n\r\n"

    async def frozen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"POST /run" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(head + b"%x\r\n%s\r\n" % (len(started), started))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(frozen, "127.0.0.1", name.port)
    async with server, opened(name) as client:
        with pytest.raises(EngineCrashed):
            await run(client)


@pytest.mark.parametrize(
    ("found", "used"),
    [
        (["127.0.0.1"], ["127.0.0.1"]),
        (["127.0.0.1", "::1"], [BY_NAME]),  # a host with two families, which may listen by one of them
        (["10.0.0.2", "10.0.0.1", "fd00::1", "fd00::2"], ["10.0.0.1", "10.0.0.2"]),
        (["fd00::1"], ["fd00::1"]),
    ],
)
async def test_all_addresses_of_a_name_are_engines(name: Name, found: list[str], used: list[str]) -> None:
    name.addresses = found
    assert await addresses_of(name.url) == used


async def test_behind_a_proxy_there_is_one_engine(name: Name, monkeypatch: pytest.MonkeyPatch) -> None:
    name.addresses = ["10.0.0.1", "10.0.0.2"]
    monkeypatch.setattr(addresses, "getproxies", lambda: {"http": "http://proxy"})
    assert await addresses_of(name.url) == [BY_NAME]


async def test_jobs_wait_for_a_full_engine_under_their_leases(
    name: Name, start: Open, database: Database, store: LocalStore
) -> None:
    engine = await start(slots=1, queue=1)
    engine.pipeline.may_end.clear()
    async with opened(name, is_patient=True) as client:
        processor = Processor(database, store, client, BRANDING, max_attempts=1)
        async with running(database, processor, runner_concurrency=4):
            for number in range(4):
                await add_job(database, contents=f"print({number})")
            await eventually(lambda: client.refused == 2)
            assert metrics.WAITING_FOR_SLOT._value.get() == 1
            executing = await fetch(database, "SELECT status, failure FROM job")
            assert executing == [{"status": "executing", "failure": None}] * 4
            assert processor.pause.is_over
            engine.pipeline.may_end.set()
            await all_are("executed", database)
        assert await fetch(database, "SELECT DISTINCT attempt, crashes FROM job") == [{"attempt": 1, "crashes": 0}]
        assert (engine.begun, client.refused) == (4, 0)


async def test_a_job_of_an_engine_that_stops_runs_again_without_a_pause(
    name: Name, start: Open, database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor.__main__.GRACE_SECONDS", 0.01)
    first = await start()
    first.pipeline.may_end.clear()
    async with opened(name) as client:
        processor = Processor(database, store, client, BRANDING, max_attempts=1)
        async with running(database, processor):
            await add_job(database)
            await eventually(lambda: first.begun == 1)
            other = await start()
            await eventually(lambda: len(client._engines) == 2)
            first.stop.set()
            await all_are("executed", database)
        assert await fetch(database, "SELECT attempt, crashes FROM job") == [{"attempt": 1, "crashes": 0}]
        assert other.begun == 1
        assert processor.pause.is_over
