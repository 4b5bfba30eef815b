"""The pipes of a conversation are closed when its user leaves as the program begins, or if the kernel refuses one."""

import asyncio
import errno
import os
from typing import Any
from unittest.mock import Mock

import pytest

from executor.pipeline.conversation import Conversation
from executor.sandbox.base import SandboxFailure
from executor.settings import ExecutorSettings


class _Socket:
    async def send_text(self, text: str) -> None:
        pass


class _Pipeline:
    async def run_job(self, job: Any) -> Any:
        raise AssertionError("the user has left")


@pytest.mark.parametrize("turns", [1, 2])
async def test_a_user_who_leaves_at_once_leaves_no_pipe(turns: int) -> None:
    before = set(os.listdir("/proc/self/fd"))
    conversation: Any = Conversation(_Socket(), ExecutorSettings())  # type: ignore[arg-type]
    running = asyncio.create_task(conversation._run(_Pipeline(), None))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for _ in range(5):  # transports close their pipes in a later turn of the loop
        await asyncio.sleep(0)
    assert set(os.listdir("/proc/self/fd")) == before


async def test_a_refused_pipe_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(os.listdir("/proc/self/fd"))
    refused = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    monkeypatch.setattr(os, "pipe2", Mock(side_effect=[os.pipe(), os.pipe(), refused]))
    conversation: Any = Conversation(_Socket(), ExecutorSettings())  # type: ignore[arg-type]
    with pytest.raises(SandboxFailure, match="no streams: Too many open files"):
        await conversation._run(_Pipeline(), None)
    assert set(os.listdir("/proc/self/fd")) == before
