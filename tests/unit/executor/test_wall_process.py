"""The process of the wall leaves nothing open if it cannot be started."""

import os
import socket
from pathlib import Path
from unittest.mock import Mock

import pytest

from executor.sandbox.wall.mechanisms import Mechanisms
from executor.sandbox.wall.process import WallProcess
from executor.sandbox.wall.subordinate import Subordinates


async def test_a_wall_that_cannot_be_built_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made = os.memfd_create("made")
    monkeypatch.setattr(os, "memfd_create", Mock(side_effect=[made, OSError("too many files")]))
    ids = Subordinates(100_000, 100_000, 1000, "newuidmap", "newgidmap")
    wall = WallProcess(
        Mechanisms(Path("bwrap"), privileged=False, first_user=1, cgroups=None, subordinates=ids), lambda line: None
    )
    before = os.listdir("/proc/self/fd")
    ours, keepers_end = socket.socketpair()
    with ours, keepers_end, pytest.raises(OSError, match="too many files"):
        await wall.start(keepers_end)
    assert len(os.listdir("/proc/self/fd")) == len(before) - 1, "what was made is closed too"
