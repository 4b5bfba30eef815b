"""`python -m tests.security.soak [requests]`: a long mixed load, for slow leaks. Not part of the test suite.

Every answer must belong to its request; one client in twenty hangs up. Afterwards the executor and its keeper must be
no larger than after the first tenth and hold no more descriptors, and there may be no more processes.
"""

import asyncio
import collections
import os
import random
import sys
import time
from pathlib import Path

import httpx

from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.processes import pids_below

_CONCURRENCY = 16
_HANG_UPS = 0.05
_PROGRAMS = {
    "py": "print(input()[::-1])",
    "js": "console.log(require('fs').readFileSync(0, 'utf8').trim().split('').reverse().join(''))",
    "bash": "rev",
    "pl": "print scalar reverse <STDIN>",
    "c": r"""
#include <stdio.h>
#include <string.h>
int main(void) { char s[80]; scanf("%79s", s); for (int i = strlen(s) - 1; i >= 0; i--) putchar(s[i]); }
""",
}
_WEIGHTS = {"py": 50, "js": 15, "bash": 20, "pl": 10, "c": 5}


async def mixed(running: RunningExecutor, count: int) -> collections.Counter[str]:
    outcomes: collections.Counter[str] = collections.Counter()
    numbers = iter(range(count))
    rng = random.Random(7)

    async def client() -> None:
        async with httpx.AsyncClient(base_url=running.url, timeout=300) as http:
            for number in numbers:
                (language,) = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
                outcomes[await _one(http, language, f"request-{number}", rng.random() < _HANG_UPS)] += 1
                if number % (count // 10) == 0:
                    print(f"{number:6} {_size(running.pid)}", flush=True)

    await asyncio.gather(*(client() for _ in range(_CONCURRENCY)))
    return outcomes


async def _one(http: httpx.AsyncClient, language: str, text: str, hang_up: bool) -> str:
    body = {"language": language, "code": _PROGRAMS[language], "input": text}
    if hang_up:
        try:
            await http.post("/", json={**body, "code": _PROGRAMS[language] + "\n"}, timeout=random.uniform(0.001, 0.1))
        except httpx.TimeoutException:
            return "hung up"
        return "too quick to hang up"
    response = await http.post("/", json=body)
    answer = response.json()
    if response.status_code == 200 and answer["output"].strip() == text[::-1]:
        return "right"
    print(response.status_code, answer)
    return "WRONG"


def _settled(pid: int) -> int:
    """Return the number of processes below the executor when it has been the same for three seconds."""
    counts: list[int] = []
    while len(counts) < 3 or len(set(counts[-3:])) > 1:
        time.sleep(1)
        counts.append(len(pids_below(pid)))
    return counts[-1]


def _size(pid: int) -> str:
    """Return the resident memory and the open descriptors of the executor and the keeper."""
    parts = []
    for process in (pid, *pids_below(pid)):
        try:
            name = Path(f"/proc/{process}/comm").read_text().strip()
            pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
            parts.append(f"{name} {pages * 4 // 1024} MiB {len(os.listdir(f'/proc/{process}/fd'))} fd")
        except OSError:
            continue
    return "; ".join(parts[:4])


def main(count: int) -> int:
    with running_executor(executor_slots="4") as running:
        asyncio.run(mixed(running, max(count // 10, 100)))  # until boxes of each kind wait
        before = _settled(running.pid)
        started = time.monotonic()
        outcomes = asyncio.run(mixed(running, count))
        print(f"{count} requests in {time.monotonic() - started:.0f} s: {dict(outcomes)}")
        print(f"   end {_size(running.pid)}")
        left = _settled(running.pid) - before
        print(f"processes left over: {left}")
    return int(outcomes["WRONG"] > 0 or left > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
