"""How many times slower a machine is than one of today that does nothing else."""

import shlex
from typing import Final

from tests.hosts.errors import HostsError
from tests.hosts.guest import Guest

#: Processes that start, which is what boxes do most.
_WORK: Final = """
import subprocess, sys, time
began = time.monotonic()
for _ in range(10):
    subprocess.run([sys.executable, "-c", "import json, asyncio"], check=True)
print(time.monotonic() - began)
"""
#: What it takes on a quiet machine with processors of 2023.
_USUAL_S: Final = 1.0
_LIMIT_S: Final = 600


def slowness(guest: Guest) -> float:
    """At least 1. It holds for now: other work on the real machine slows the virtual one down."""
    done = guest.run("root", f"/usr/bin/python3 -c {shlex.quote(_WORK)}", _LIMIT_S)
    if not done.ok:
        raise HostsError(f"The machine is too slow to be of use: {done.words}")
    return max(1.0, round(float(done.output) / _USUAL_S, 1))
