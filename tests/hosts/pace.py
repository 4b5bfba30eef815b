"""Measures how many times slower a machine is than a quiet machine of today."""

import shlex
from typing import Final

from tests.hosts.errors import HostsError
from tests.hosts.guest import Guest

#: Starts processes, because most of the time of a box is spent on that.
_WORK: Final = """
import subprocess, sys, time
began = time.monotonic()
for _ in range(10):
    subprocess.run([sys.executable, "-c", "import json, asyncio"], check=True)
print(time.monotonic() - began)
"""
#: Seconds that `_WORK` takes on a quiet machine with processors of 2023.
_USUAL_S: Final = 1.0
_LIMIT_S: Final = 600


def measure_slowness(guest: Guest) -> float:
    """Return the slowness, at least 1. It changes with the other work of the real machine."""
    result = guest.run("root", f"/usr/bin/python3 -c {shlex.quote(_WORK)}", _LIMIT_S)
    if not result.ok:
        raise HostsError(f"The speed of the machine could not be measured: {result.words}")
    return max(1.0, round(float(result.output) / _USUAL_S, 1))
