"""How many times slower a machine is than the one that it runs on."""

import shlex
import subprocess
import sys
import time
from typing import Final

from tests.hosts.guest import Guest

#: Processes that start, which is what boxes do most.
_WORK: Final = """
import subprocess, sys, time
began = time.monotonic()
for _ in range(10):
    subprocess.run([sys.executable, "-c", "import json, asyncio"], check=True)
print(time.monotonic() - began)
"""
_LIMIT_S: Final = 300


def slowness(guest: Guest) -> float:
    """At least 1. Both do the same work, one after the other, so that other load hits both."""
    here = float(subprocess.run([sys.executable, "-c", _WORK], check=True, capture_output=True, text=True).stdout)
    began = time.monotonic()
    done = guest.run("root", f"/usr/bin/python3 -c {shlex.quote(_WORK)}", _LIMIT_S)
    there = float(done.output) if done.ok else time.monotonic() - began
    return max(1.0, round(there / here, 1))
