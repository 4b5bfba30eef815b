"""Tells whoever started this process that it is ready, by systemd's protocol (sd_notify(3)).

`precieux up` listens on that socket, and so does systemd, should an operator run a service under it.
"""

import os
import socket


def notify_ready() -> None:
    """Send `READY=1` to `NOTIFY_SOCKET`, if there is one. A leading `@` is the abstract namespace (unix(7))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.connect(address)
        notify.sendall(b"READY=1")
