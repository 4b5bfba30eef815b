"""A slow link between two network interfaces: `python slow_link.py HOST NETWORK` carries the frames between them.

The frames of the host arrive late, and some are lost. Those to the host arrive at once. So does `tc netem` on a host,
which kernels for virtual machines often lack. It needs only the standard library, so that it starts quickly.
"""

import random
import select
import socket
import sys
import time
from collections import deque

#: Seconds that a frame takes, and the share of frames that is lost.
DELAY = 0.2
LOSS = 0.05

# Numbers of linux/if_packet.h and linux/if_ether.h.
_SOL_PACKET = 263
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_EVERY_PROTOCOL = 3
_MAX_LENGTH = 70_000


def main(host: str, network: str) -> None:
    near, far = _open(host), _open(network)
    print("ready", flush=True)
    under_way: deque[tuple[float, bytes]] = deque()
    while True:
        pause = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select([near, far], [], [], pause)
        if near in readable:
            frame = near.recv(_MAX_LENGTH)
            if random.random() >= LOSS:
                under_way.append((time.monotonic() + DELAY, frame))
        if far in readable:
            _send(near, far.recv(_MAX_LENGTH))
        while under_way and under_way[0][0] <= time.monotonic():
            _send(far, under_way.popleft()[1])


def _open(interface: str) -> socket.socket:
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    # Each frame comes with the kernel's notes on it: its checksum may be missing, and its segments not yet cut.
    link.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    link.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    link.bind((interface, 0))
    return link


def _send(link: socket.socket, frame: bytes) -> None:
    try:
        link.send(frame)
    except OSError as exc:
        print(f"a frame of {len(frame)} bytes was lost: {exc}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
