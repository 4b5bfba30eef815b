"""Checks if a name belongs to this machine alone."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Return True if the host, a name or an address, is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
