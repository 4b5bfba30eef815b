"""The executor's side of a box: a box that cannot begin is killed, and orders that the keeper could not read are not
sent."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import pytest

from executor.sandbox.base import Job, SandboxFailure, Step, Template, WorkFile
from executor.sandbox.box import Box
from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import MAX_PACKET, BoxGone, Kill, Order, StepReport, encode
from executor.sandbox.link import KeeperLink
from executor.sandbox.streams.step import sealed_file
from executor.sandbox.wall.mechanisms import Mechanisms
from tests.fixtures.step_limits import TINY

_TEMPLATE = Template(1 << 20, TINY)


def _job(*argv: str, **files: WorkFile) -> Job:
    return Job(files, Step(argv, {}, TINY, 1000), _TEMPLATE)


class _BrokenLink:
    """Fails to send, but ends boxes."""

    box: Box

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)
        raise SandboxFailure("too large")

    def send_soon(self, order: Order) -> None:
        self.box.handle(BoxGone(order.id))


class _InstantLink:
    """Reports at once that the program has written and ended, and that the box is gone."""

    box: Box

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        stdout = descriptors[1]
        os.write(stdout, b"output")
        for descriptor in descriptors:
            os.close(descriptor)
        self.box.handle(StepReport(1, 0, None, 0.0, 0.0, 0.0, 0, None, 0.0))
        self.box.handle(BoxGone(1))

    def send_soon(self, order: Order) -> None:
        self.box.handle(BoxGone(order.id))


def _box(link: _BrokenLink | _InstantLink) -> Box:
    link.box = Box(1, 0, _TEMPLATE, cast(KeeperLink, link))
    return link.box


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_word_with_a_nul_fails_and_leaves_nothing_open() -> None:
    box = _box(_BrokenLink())
    before = _open_descriptors()
    with pytest.raises(SandboxFailure, match="NUL"):
        await box.run(_job("/bin/true", "\0"))
    await asyncio.sleep(0)
    assert _open_descriptors() == before


async def test_a_file_that_cannot_be_opened_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    box = _box(_BrokenLink())
    before = _open_descriptors()
    monkeypatch.setattr("executor.sandbox.streams.step.sealed_file", Mock(side_effect=OSError("too many files")))
    job = _job("/bin/true", file=WorkFile(b""))
    with pytest.raises(SandboxFailure, match="the box could not begin: too many files"):
        await box.run(replace(job, step=replace(job.step, stdin=b"input")))
    assert box.gone.done()
    await asyncio.sleep(0)
    assert _open_descriptors() == before


async def test_large_files_are_written_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the run is cancelled meanwhile, nothing stays open."""
    box = _box(_InstantLink())
    before = _open_descriptors()
    large = WorkFile(bytes(1 << 20))
    threads: list[threading.Thread] = []
    go_on, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(*contents: bytes) -> int:
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(5)
        return sealed_file(*contents)

    monkeypatch.setattr("executor.sandbox.streams.step.sealed_file", slow)
    running = asyncio.create_task(box.run(_job("/bin/true", one=large, other=large)))
    await begun.wait()
    assert threads != [threading.main_thread()]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go_on.set()
    await loop.shutdown_default_executor()
    await asyncio.sleep(0)
    assert _open_descriptors() == before


async def test_all_output_is_read_before_the_pipes_are_closed() -> None:
    box = _box(_InstantLink())
    before = _open_descriptors()
    result = await box.run(_job("/bin/true", f=WorkFile(b"")))
    assert result.stdout == b"output"
    await asyncio.sleep(0)
    assert _open_descriptors() == before


@pytest.fixture
def link() -> KeeperLink:
    mechanisms = Mechanisms(Path("bwrap"), privileged=False, first_user=None, cgroups=None)
    return KeeperLink(mechanisms, lambda report: None, lambda reason: None, patience_s=1)


async def test_an_order_too_large_for_a_packet_is_refused(link: KeeperLink) -> None:
    with pytest.raises(SandboxFailure, match="too large"):
        await link.send(bytes(MAX_PACKET + 1), [])


@pytest.fixture
def keeper(link: KeeperLink) -> Iterator[socket.socket]:
    ours, keeper = channel.pair()
    ours.setblocking(False)
    link._socket = ours
    with ours, keeper:
        yield keeper


def _fill(link: KeeperLink) -> int:
    """Send packets until the socket has no room. Return their number."""
    assert link._socket
    unread = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            link._socket.send(b"{}")
            unread += 1
    return unread


async def test_what_is_sent_to_a_busy_keeper_arrives_later(link: KeeperLink, keeper: socket.socket) -> None:
    unread = _fill(link)
    link.send_soon(Kill(7))
    order = asyncio.create_task(link.send(b"order", []))
    await asyncio.sleep(0)
    for _ in range(unread):
        keeper.recv(MAX_PACKET)
    keeper.setblocking(False)
    loop = asyncio.get_running_loop()
    arrived = {await asyncio.wait_for(loop.sock_recv(keeper, MAX_PACKET), 30) for _ in range(2)}
    assert arrived == {encode(Kill(7)), b"order"}
    await order


@pytest.mark.usefixtures("keeper")
async def test_an_order_fails_if_the_keeper_ends_before_it_has_room(link: KeeperLink) -> None:
    _fill(link)
    order = asyncio.create_task(link.send(b"order", []))
    await asyncio.sleep(0)
    link.abandon("the keeper hung")
    with pytest.raises(SandboxFailure, match="not running"):
        await asyncio.wait_for(order, 30)
