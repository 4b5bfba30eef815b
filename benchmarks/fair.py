"""Measures how short programs fare beside endless loops: `python -m benchmarks.fair`.

Waits are the time of an answer less that of its program.
"""

import asyncio
import json
import statistics
import time
from typing import Any, Final

import httpx

from benchmarks.engine import engine
from shared.engine_api.codex import SHARE_HEADER

_SHORTS: Final = 200
_LOOP: Final = "while True: pass"
_HONEST: Final = "import time\nwhile time.process_time() < 2: pass"


async def _run(client: httpx.AsyncClient, code: str, share: str = "one", cpu_s: float = 10) -> tuple[float, str]:
    """Return for how long a program waited, and its verdict."""
    began = time.monotonic()
    body: dict[str, Any] = {"language": "py", "files": [{"path": "a.py", "content": code}], "limits": {"cpu_s": cpu_s}}
    answer = await client.post("/run", json=body, headers={SHARE_HEADER: share})
    ended = next(event for line in answer.text.splitlines() if "number" in (event := json.loads(line)))
    return time.monotonic() - began - ended["wall_s"], ended["verdict"]


async def _beside(client: httpx.AsyncClient, loops: int, cpu_s: float, share: str = "one") -> str:
    """Return the waits of short programs, one after the other, beside loops of the share `one`."""
    held = [asyncio.create_task(_run(client, _LOOP, cpu_s=cpu_s)) for _ in range(loops)]
    await asyncio.sleep(1)
    waits = sorted([(await _run(client, "print(1)", share))[0] for _ in range(_SHORTS)])
    verdicts = {verdict for _, verdict in await asyncio.gather(*held)}
    p99 = waits[int(_SHORTS * 0.99) - 1]
    return f"p50 {statistics.median(waits):.3f} s, p99 {p99:.3f} s, most {waits[-1]:.2f} s; the loops: {verdicts}"


async def _measure(url: str) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=1200, limits=limits) as client:
        await _run(client, "print(1)")
        print("beside 4 loops of 10 s, same key:", await _beside(client, 4, 10), flush=True)
        print("beside 40 loops of 2 s, same key:", await _beside(client, 40, 2), flush=True)
        print("beside 20 loops of 2 s, another key:", await _beside(client, 20, 2, "two"), flush=True)
        began = time.monotonic()
        await asyncio.gather(*(_run(client, _HONEST) for _ in range(60)))
        print(f"60 programs of 2 s : {time.monotonic() - began:.1f} s; their CPU time is 120 s")


def main() -> None:
    with engine() as own:
        asyncio.run(_measure(own.url))


if __name__ == "__main__":
    main()
