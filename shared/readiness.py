"""Tells whoever started this process that it is ready, or what it waits for, by systemd's protocol (sd_notify(3)).

`precieux up` listens on that socket, and so does systemd, should an operator run a service under it.
"""

import contextlib
import os
import socket


def notify_ready() -> None:
    _send("READY=1")


def notify_status(status: str) -> None:
    """Say in one line how it stands. If nobody reads, nothing is said: it does not wait."""
    with contextlib.suppress(OSError):
        _send(f"STATUS={status}", socket.MSG_DONTWAIT)


def _send(line: str, flags: int = 0) -> None:
    """Send it to `NOTIFY_SOCKET`, if there is one. A leading `@` is the abstract namespace (unix(7))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.connect(address)
        notify.send(line.encode(), flags)
