"""Checks that the services' memory does not grow over many submissions."""

import asyncio
from collections.abc import Iterator
from typing import Final

import asyncpg

from benchmarks.findings import Finding
from benchmarks.load import classic_pairs
from benchmarks.processes import resident_bytes, services
from benchmarks.surroundings import Installation, Surroundings
from benchmarks.sustained import SERVICES, all_mailed, null_engine

_STEP: Final = 2_000
_STEPS: Final = 10
#: After so many steps caches are full and pools have their final size.
_WARM: Final = 2
_TARGET: Final = 1.1


def measure(surroundings: Surroundings) -> Iterator[Finding]:
    with null_engine() as codex_url:
        ours = surroundings.installation(rabbitmq=True, codex_url=codex_url, runner_concurrency="8")
        with services(SERVICES, ours.environment) as pids:
            mebibytes: dict[str, list[float]] = {name: [] for name in pids}
            for step in range(_STEPS):
                asyncio.run(_carry(ours, range(step * _STEP + 1, (step + 1) * _STEP + 1)))
                for name, pid in pids.items():
                    mebibytes[name].append(resident_bytes(pid) / (1 << 20))
    for name, values in mebibytes.items():
        ratio = values[-1] / values[_WARM - 1]
        yield Finding(
            measure=f"memory of {name}",
            ours=f"{values[-1]:.0f} MiB after {_STEPS * _STEP}",
            beside=f"{values[_WARM - 1]:.0f} MiB after {_WARM * _STEP}",
            ratio=ratio,
            target=f"<= {_TARGET:g}x",
            met=ratio <= _TARGET,
            details={"every": _STEP, "mebibytes": values},
        )


async def _carry(ours: Installation, numbers: range) -> None:
    await classic_pairs(ours.url, numbers)
    connection = await asyncpg.connect(ours.database_url)
    try:
        await all_mailed(connection, numbers.stop - 1)
    finally:
        await connection.close()
