"""The fixtures that look at processes."""

import os
import subprocess
import sys

from tests.fixtures.processes import arguments, children, descendants, pids_below, processes_named, survivors

#: Starts a process that ends at once and one that waits for its own child, and reaps neither.
_PARENT = """
import os, subprocess, sys
ended = os.posix_spawn("/bin/true", ["true"], {})
waiting = subprocess.Popen(["/bin/sh", "-c", "cat; : mark-of-the-family"], stdin=subprocess.PIPE)
os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
print(ended, waiting.pid, flush=True)
sys.stdin.read()
"""


def test_descendants_are_found_and_ended_ones_only_as_ids() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        ended, waiting = map(int, parent.stdout.readline().split())
        assert sorted(children(parent.pid)) == sorted([ended, waiting])
        assert ended in pids_below(parent.pid)
        family = descendants(parent.pid)
        assert ended not in [process.pid for process in family]
        assert waiting in [process.pid for process in family]
        assert waiting in processes_named("mark-of-the-family")
        assert parent.pid in [process.pid for process in descendants(os.getpid())]
        assert survivors(family) == family
        parent.stdin.close()
        parent.wait()
    assert arguments(parent.pid) == []
    assert children(parent.pid) == pids_below(parent.pid) == []
    assert parent.pid not in [process.pid for process in descendants(os.getpid())]
