"""A box whose program cannot begin is ended, and an order that the keeper could not read is not sent."""

import os
from pathlib import Path

import pytest

from executor.sandbox.base import Job, SandboxFailure, Step, Template
from executor.sandbox.box import Box
from executor.sandbox.keeper.protocol import MAX_PACKET, BoxGone, StageLimits
from executor.sandbox.link import KeeperLink, Mechanisms

_LIMITS = StageLimits(1, 1, 1 << 20, 1, 1, 1, 1)
_TEMPLATE = Template(1 << 20, _LIMITS)


class _Deaf:
    """Takes no order, but ends boxes."""

    def __init__(self) -> None:
        self.box: Box | None = None

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)
        raise SandboxFailure("too large")

    def kill(self, box: int) -> None:
        assert self.box
        self.box.hear(BoxGone(box))


async def test_one_that_cannot_begin_is_ended() -> None:
    link = _Deaf()
    link.box = box = Box(1, 0, _TEMPLATE, link)
    with pytest.raises(SandboxFailure, match="too large"):
        await box.run(Job({}, (Step(("/bin/true",), {}, _LIMITS, 1000),), _TEMPLATE))
    assert box.gone.done()


async def test_an_order_too_large_for_a_packet_is_refused() -> None:
    link = KeeperLink(Mechanisms(Path("bwrap"), False, None, None), {}, lambda report: None, lambda reason: None)
    with pytest.raises(SandboxFailure, match="too large"):
        await link.send(bytes(MAX_PACKET + 1), [])
