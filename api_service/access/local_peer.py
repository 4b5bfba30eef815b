"""Checks that a request comes from the user that runs this process, on this machine, and not on behalf of a stranger.

The peer's address alone does not prove that. A proxy on this machine forwards strangers' requests, other users share
the machine, and a browser on it sends requests for a stranger's page (for a form, an image, or a name that resolves to
127.0.0.1).

One case remains undetected: a proxy of the same user that adds no header, speaks HTTP/1.1 and keeps the name of this
machine. As soon as there is a key, such a proxy is refused too.
"""

import ipaddress
import os
import re
import socket
import struct
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from shared.common.http.loopback import is_loopback

Endpoint = tuple[str, int]
#: Returns the user id that owns the socket at the first endpoint, connected to the second; None if it is unknown.
SocketOwner = Callable[[Endpoint, Endpoint], int | None]

#: A name of this machine, with or without a port. All of the header must match, so `localhost.example.com` does not.
_OWN_NAME: Final = re.compile(r"(localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
#: Beginnings of header fields that proxies add. Ordinary clients do not send such fields.
_FORWARDING: Final = (
    "x-", "forwarded", "via", "cf-", "cdn-", "true-client-", "client-ip", "fastly-", "akamai-", "ali-", "proxy-",
    "remote-", "wl-proxy-", "cloudfront-", "do-connecting-ip", "fly-", "incap-", "early-data", "ssl-", "max-forwards",
)  # fmt: skip

# sock_diag(7): one request and one answer, so the cost does not depend on the number of sockets.
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_QUESTION: Final = struct.Struct("=BBBxI")
_PORTS: Final = struct.Struct("!HH")
_NO_COOKIE: Final = b"\xff" * 8
_ANSWER: Final = struct.Struct("=BBBB48xIIIII")  # family, state, timer, retransmits; expires, queues, uid, inode
_ESTABLISHED: Final = 1
#: The kernel shows this id in place of users that are not mapped here.
_OVERFLOW_UID: Final = 65534


def why_not_local(request: HTTPConnection, owner_of: SocketOwner) -> str | None:
    """Return why a request is not from this user, as a clause, or None if it is from this user."""
    host = request.headers.getlist("Host")
    if len(host) != 1 or not _OWN_NAME.fullmatch(host[0]):
        return "its Host header does not name this machine"
    for name in request.headers:
        # Clients may choose the id of their request.
        if name.startswith(_FORWARDING) and name != "x-request-id":
            return f"a proxy forwarded it (header {name})"
    if request.scope.get("http_version") != "1.1":
        return "it does not use HTTP/1.1, so a proxy may have forwarded it"
    for name in ("Origin", "Referer"):
        if any(urlsplit(value).netloc != host[0] for value in request.headers.getlist(name)):
            return f"a page of another site sent it (header {name})"
    if not {*request.headers.getlist("Sec-Fetch-Site")} <= {"same-origin", "none"}:
        return "a page of another site sent it (header Sec-Fetch-Site)"
    client, server = request.scope.get("client"), request.scope.get("server")
    if not client or not server or not is_loopback(client[0]):
        return "it comes from another machine"
    owner = owner_of((client[0], client[1]), (server[0], server[1]))
    if owner is None:
        return "its connection is closed, or half of it, so that its user is unknown"
    if owner != os.geteuid() or owner == _OVERFLOW_UID:
        return "it comes from another user of this machine"
    return None


def socket_owner(local: Endpoint, remote: Endpoint) -> int | None:
    """Ask the kernel for the user id of the TCP socket with these two ends (sock_diag(7))."""
    addresses = [ipaddress.ip_address(host) for host, _ in (local, remote)]
    family = socket.AF_INET if addresses[0].version == 4 else socket.AF_INET6
    question = (
        _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
        + _PORTS.pack(local[1], remote[1])
        + b"".join(address.packed.ljust(16, b"\0") for address in addresses)
        + bytes(4)
        + _NO_COOKIE
    )
    header = _HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
            # The kernel answers before sendto() returns.
            netlink.setblocking(False)
            netlink.sendto(header + question, (0, 0))
            answer = netlink.recv(8192)
    except OSError:
        return None
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: there is no such socket
    _, state, _, _, _, _, _, uid, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    # The kernel shows a socket that its process has closed as a socket of root.
    return int(uid) if state == _ESTABLISHED and inode != 0 else None
