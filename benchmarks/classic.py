"""Compares our API with the original's service 1: its two calls, one after the other, over 16 connections.

The original is not part of this repository. `--yardstick` names the folder of one rebuilt from its report, with a
FastAPI application `original_service1:app` that reads DATABASE_URL, AMQP_URL and S3_ENDPOINT_URL.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Final

from benchmarks.findings import Finding, median_ratio
from benchmarks.load import Load, classic_pairs
from benchmarks.processes import process, service
from benchmarks.surroundings import Surroundings
from precieux.host.ports import free_ports
from tests.fixtures.ports import answers

_ROUNDS: Final = 5
_PAIRS: Final = {"original": 120, "postgres, folder": 600, "rabbitmq, s3": 400}
_TARGETS: Final = {"postgres, folder": 6.0, "rabbitmq, s3": 2.0}


def measure(surroundings: Surroundings, yardstick: Path | None) -> Iterator[Finding]:
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        if yardstick is not None:
            urls["original"] = stack.enter_context(_original(surroundings, yardstick))
        for name, chosen in (("postgres, folder", False), ("rabbitmq, s3", True)):
            ours = surroundings.installation(rabbitmq=chosen, s3=chosen)
            stack.enter_context(service("api_service", ours.environment))
            urls[name] = ours.url
        loads = _rounds(urls)
    for name, target in _TARGETS.items():
        ratio = (
            median_ratio([load.rate for load in loads[name]], [load.rate for load in loads["original"]])
            if "original" in loads
            else None
        )
        yield Finding(
            measure=f"submit_email + check_email ({name})",
            ours=shown(loads[name]),
            beside=f"original {shown(loads['original'])}" if "original" in loads else "skipped: no --yardstick",
            ratio=ratio,
            target=f">= {target:g}x",
            met=None if ratio is None else ratio >= target,
            details={
                side: [{"rate": load.rate, "median_ms": load.median_ms, "p95_ms": load.p95_ms} for load in loads[side]]
                for side in (name, "original")
                if side in loads
            },
        )


def _rounds(urls: dict[str, str]) -> dict[str, list[Load]]:
    numbers = count(1)
    for url in urls.values():  # fills caches and prepares statements
        asyncio.run(classic_pairs(url, islice(numbers, 50)))
    loads: dict[str, list[Load]] = {name: [] for name in urls}
    for _ in range(_ROUNDS):
        for name, url in urls.items():
            loads[name].append(asyncio.run(classic_pairs(url, islice(numbers, _PAIRS[name]))))
    return loads


def shown(loads: list[Load]) -> str:
    rate = statistics.median(load.rate for load in loads)
    return f"{rate:.0f}/s, median {statistics.median(load.median_ms for load in loads):.0f} ms"


@contextmanager
def _original(surroundings: Surroundings, folder: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": surroundings.new_database(migrated=False),
        "AMQP_URL": surroundings.rabbitmq.url,
        "S3_ENDPOINT_URL": surroundings.s3_url,
    }
    command = [sys.executable, "-m", "uvicorn", "original_service1:app", "--port", str(port), "--log-level", "error"]
    with process(command, environment, cwd=folder) as child:
        deadline = time.monotonic() + 60
        while not answers(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service in {folder} does not answer")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
