"""Honest clients: each submits a small program now and then, and waits for the correct answer."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from precieux_client import AsyncClient, PrecieuxError

#: Language and source. Each program prints its input reversed.
_PROGRAMS: Final = [
    (file.suffix.removeprefix("."), file.read_text()) for file in sorted((Path(__file__).parent / "programs").iterdir())
]
_PATIENCE_S: Final = 180.0
#: Fewer than the gateway lets one address have.
_CONNECTIONS: Final = 30


@dataclass
class Tally:
    """The outcome of one phase's submissions. `seconds` are from the first call to the correct answer."""

    seconds: list[float] = field(default_factory=list)
    put_off: int = 0
    wrong: list[str] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class _Transport(httpx.AsyncHTTPTransport):
    """Counts the requests that a busy server put off."""

    put_off = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.put_off += response.status_code == httpx.codes.SERVICE_UNAVAILABLE
        return response


async def submit_for(url: str, key: str, name: str, *, seconds: float, every_s: float, address: str) -> Tally:
    """Start a submission every `every_s` seconds, from this address; return when all have their answers."""
    tally = Tally()
    transport = _Transport(local_address=address, limits=httpx.Limits(max_connections=_CONNECTIONS))
    client = AsyncClient(url, key, transport=transport, timeout=60, retries=1000)
    async with client, asyncio.TaskGroup() as group:
        ends = time.monotonic() + seconds
        for number, (language, source) in enumerate(itertools.cycle(_PROGRAMS)):
            if time.monotonic() >= ends:
                break
            group.create_task(_submit(client, f"{name}-{number}", language, source, tally))
            await asyncio.sleep(every_s)
    tally.put_off = transport.put_off
    return tally


async def _submit(client: AsyncClient, name: str, language: str, source: str, tally: Tally) -> None:
    started = time.monotonic()
    # A unique comment, so that no cached compilation is used.
    source += f"{'#' if language == 'py' else '//'} {name}\n"
    email = f"{name}@honest.example.com"
    try:
        done = await client.run(language=language, source=source, stdin=name, email=email, timeout=_PATIENCE_S)
    except PrecieuxError as exc:
        tally.wrong.append(f"{name}: {exc!r}")
        return
    if done.run and (done.verdict, (done.run.stdout or "").strip()) == ("ok", name[::-1]):
        tally.seconds.append(time.monotonic() - started)
    else:
        tally.wrong.append(f"{name}: {done}")
