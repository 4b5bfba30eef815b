"""Reports this process's state to the process that started it, by systemd's protocol (sd_notify(3)).

The other side is `precieux up`, or systemd if the service is a unit.
"""

import contextlib
import os
import socket


def notify_ready(status: str = "") -> None:
    """Report that this process is ready, with a line of `status` about what it does."""
    _send("READY=1", *([f"STATUS={status}"] if status else []))


def notify_status(status: str, more_s: float = 0) -> None:
    """Report the status in one line, and ask for at least `more_s` more seconds to start.

    Drop the report if the other side does not read, so that this function never waits.
    """
    extension = [f"EXTEND_TIMEOUT_USEC={round(more_s * 1e6)}"] if more_s else []
    with contextlib.suppress(OSError):
        _send(f"STATUS={status}", *extension, flags=socket.MSG_DONTWAIT)


def notify_stopping() -> None:
    """Report that this process is about to end."""
    with contextlib.suppress(OSError):
        _send("STOPPING=1")


def notify_alive() -> None:
    """Report that this process is alive. Drop it if the other side does not read, so that this never waits."""
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
