"""Tells the process that started this one how it is, by systemd's protocol (sd_notify(3)).

`precieux up` listens on that socket, and so does systemd where a service is a unit of its own.
"""

import contextlib
import os
import socket


def notify_ready(status: str = "") -> None:
    """Say that this process is ready; `status` says in one line what it does."""
    _send("READY=1", *([f"STATUS={status}"] if status else []))


def notify_status(status: str) -> None:
    """Say in one line how it stands. If nobody reads, nothing is said: it does not wait."""
    with contextlib.suppress(OSError):
        _send(f"STATUS={status}", flags=socket.MSG_DONTWAIT)


def notify_stopping() -> None:
    """Say that this process is about to end."""
    with contextlib.suppress(OSError):
        _send("STOPPING=1")


def notify_alive() -> None:
    """Say that this process is alive. If nobody reads, nothing is said: it does not wait."""
    with contextlib.suppress(OSError):
        _send("WATCHDOG=1", flags=socket.MSG_DONTWAIT)


def _send(*lines: str, flags: int = 0) -> None:
    """Send the lines to `NOTIFY_SOCKET`, if there is one. A leading `@` is the abstract namespace (unix(7))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.connect(address)
        notify.send("\n".join(lines).encode(), flags)
