"""How the executor reads what process 1 has sent of a box's files."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from executor.sandbox.base import LeftOut, SandboxFailure, WorkFile
from executor.sandbox.streams.collected import CollectedFiles
from executor.sandbox.streams.step import SMALL, sealed_file


@contextlib.contextmanager
def _sent(packet: bytes, *contents: bytes) -> Iterator[CollectedFiles]:
    """Yield the files for which process 1 has sent a packet, with a descriptor of the contents if there are any."""
    collected = CollectedFiles()
    with socket.socket(fileno=collected.take_writer()) as writer:
        descriptors = [sealed_file(*contents)] if contents else []
        if packet:
            socket.send_fds(writer, [packet], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.closing(collected):
            yield collected


@pytest.mark.parametrize("size", [SMALL, SMALL + 1])
async def test_many_bytes_are_read_beside_the_loop(size: int) -> None:
    packet = f"a\x00{0o644}\x00{size - 1}\x00b\x00{0o755}\x001\x00".encode() + b"0\x002\x000\x000\x00"
    with _sent(packet, b"x" * (size - 1), b"y") as collected:
        reading = asyncio.create_task(collected.read(None))
        await asyncio.sleep(0)
        assert reading.done() == (size == SMALL)
        files = {"a": WorkFile(b"x" * (size - 1)), "b": WorkFile(b"y", 0o755)}
        assert await reading == (files, {LeftOut.TOO_LARGE: 2}, size)


async def test_a_part_of_each_file_is_kept() -> None:
    packet = f"a\x00{0o644}\x003\x00b\x00{0o644}\x001\x00".encode() + b"0\x00" * 4
    with _sent(packet, b"xyz", b"b") as collected:
        assert await collected.read(2) == ({"a": WorkFile(b"xy"), "b": WorkFile(b"b")}, {}, 4)


async def test_files_that_were_dropped_are_no_fault_of_the_program() -> None:
    with _sent(b"0\x00" * 4) as collected, pytest.raises(SandboxFailure, match="too many open files"):
        await collected.read(None)
    with _sent(b"") as collected:
        assert await collected.read(None) == ({}, {}, 0)
