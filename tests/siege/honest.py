"""Honest clients: each submits a small program now and then, and waits for the correct answer."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

#: File name and source. Each prints its input reversed; the extension is the language.
_PROGRAMS: Final = [(file.name, file.read_bytes()) for file in sorted((Path(__file__).parent / "programs").iterdir())]
_POLL_S: Final = 0.05
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


async def submit_for(url: str, key: str, name: str, *, seconds: float, every_s: float, address: str) -> Tally:
    """Start a submission every `every_s` seconds, from this address; return when all have their answers."""
    tally = Tally()
    headers = {"Authorization": f"Bearer {key}"}
    transport = httpx.AsyncHTTPTransport(local_address=address, limits=httpx.Limits(max_connections=_CONNECTIONS))
    client = httpx.AsyncClient(base_url=url, headers=headers, timeout=60, transport=transport)
    async with client, asyncio.TaskGroup() as group:
        ends = time.monotonic() + seconds
        for number, (file_name, source) in enumerate(itertools.cycle(_PROGRAMS)):
            if time.monotonic() >= ends:
                break
            group.create_task(_submit(client, f"{name}-{number}", file_name, source, tally))
            await asyncio.sleep(every_s)
    return tally


async def _submit(client: httpx.AsyncClient, name: str, file_name: str, source: bytes, tally: Tally) -> None:
    language = file_name.rpartition(".")[2]
    started = time.monotonic()
    email = f"{name}@honest.example.com"
    # A unique comment, so that no cached compilation is used.
    comment = f"{'#' if language == 'py' else '//'} {name}\n"
    form = {"email": email, "language": language, "inputs": name, "enable": "0"}
    files = {"file": (file_name, source + comment.encode())}
    try:
        async with asyncio.timeout(_PATIENCE_S):
            registered = await _insist(client, "POST", "/submit_email/", tally, data=form, files=files)
            number = int(str(registered).rpartition(" ")[2])
            await _insist(client, "GET", "/check_email/", tally, params={"id": number})
            while True:
                answer = await _insist(client, "GET", "/check_user/", tally, params={"email": email})
                row = answer["result"][0]
                if row["status"] in ("executed", "failed"):
                    break
                await asyncio.sleep(_POLL_S)
    except (TimeoutError, httpx.HTTPError, _Refused) as exc:
        tally.wrong.append(f"{name}: {exc!r}")
        return
    if (row["verdict"], str(row["output"]).strip()) != ("ok", name[::-1]):
        tally.wrong.append(f"{name}: {row['status']} {row['verdict']} {str(row['output'])[:100]!r} {row['error']!r}")
        return
    tally.seconds.append(time.monotonic() - started)


class _Refused(Exception):
    """The server refused an honest client's request."""


async def _insist(client: httpx.AsyncClient, method: str, path: str, tally: Tally, **request: object) -> dict:  # type: ignore[type-arg]
    """Return the JSON answer; try again after 503, which says that the server is busy."""
    while True:
        response = await client.request(method, path, **request)  # type: ignore[arg-type]
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            tally.put_off += 1
            await asyncio.sleep(min(float(response.headers.get("Retry-After", "1")), 5.0))
            continue
        if response.is_error:
            raise _Refused(f"{method} {path}: {response.status_code} {response.text[:200]}")
        return response.json()  # type: ignore[no-any-return]
