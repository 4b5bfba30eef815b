"""Checks if a name or a request belongs to this machine alone."""

import ipaddress
import re
from collections.abc import Collection
from typing import Final

#: A host and perhaps a port (RFC 9110, section 7.2), without the user that a URL may name before it.
_AUTHORITY: Final = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]*)?")
_ORIGIN: Final = re.compile(r"https?://(?P<authority>[^/?#]+)")
#: A proxy adds at least one of them, unless it is configured not to.
_FORWARDING_FIELDS: Final = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip"})
_FORWARDING_PREFIXES: Final = ("x-forwarded-", "x-envoy-", "x-original-", "cf-")


def is_loopback(host: str) -> bool:
    """Return True if the host, a name or an address, is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def names_loopback(authority: str) -> bool:
    """Return True if the `Host` field of a request names loopback."""
    match = _AUTHORITY.fullmatch(authority)
    return match is not None and is_loopback(match["ipv6"] or match["name"])


def is_loopback_origin(origin: str) -> bool:
    """Return True if the `Origin` field of a request names loopback."""
    match = _ORIGIN.fullmatch(origin)
    return match is not None and names_loopback(match["authority"])


def is_forwarded(fields: Collection[str]) -> bool:
    """Return True if a proxy added one of these header fields, given by their names in lower case."""
    return any(name in _FORWARDING_FIELDS or name.startswith(_FORWARDING_PREFIXES) for name in fields)
