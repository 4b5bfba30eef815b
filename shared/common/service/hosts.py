"""Addresses that name several hosts of one cluster, as libpq writes them: `scheme://user:password@a:1,b:2/name`."""

from urllib.parse import urlsplit, urlunsplit


def one_address_per_host(url: str) -> list[str]:
    """Return one address for each host, in the given order. They differ only in the host and its port."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{credentials}{at}{host}")) for host in hosts.split(",")]
