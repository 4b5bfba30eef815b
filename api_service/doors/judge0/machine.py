"""Describes the processors and the memory of this machine."""

import asyncio
import subprocess
from functools import cache
from pathlib import Path

_MEMORY = {"Mem": ("MemTotal", "MemAvailable"), "Swap": ("SwapTotal", "SwapFree")}


async def system_info() -> dict[str, str]:
    """Return the lines of `lscpu`, if it is installed, and the memory of this machine."""
    return await asyncio.to_thread(lambda: _processors() | _memory())


@cache
def _processors() -> dict[str, str]:
    try:
        done = subprocess.run(["lscpu"], stdout=subprocess.PIPE, env={"LC_ALL": "C"}, check=False)  # noqa: S607
    except FileNotFoundError:
        return {}
    lines = (line.partition(":") for line in done.stdout.decode(errors="replace").splitlines())
    return {name.strip(): value.strip() for name, colon, value in lines if colon}


def _memory() -> dict[str, str]:
    lines = (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
    found = {name: value.strip() for name, _, value in lines}
    return {
        name: f"total {found.get(total, 'unknown')}, free {found.get(free, 'unknown')}"
        for name, (total, free) in _MEMORY.items()
    }
