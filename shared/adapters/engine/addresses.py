"""Finds all addresses of an engine's name, and connects to one of them."""

import asyncio
import socket
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from aiohttp.abc import AbstractResolver, ResolveResult

#: The address of an engine that is found by its name, by a proxy or as one host of two families.
BY_NAME: Final = ""


async def addresses_of(url: str) -> list[str]:
    """Return the addresses of the engines behind a URL. Raises `OSError`."""
    if getproxies():
        return [BY_NAME]
    host = urlsplit(url).hostname
    infos = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    families = [
        sorted({str(info[4][0]) for info in infos if info[0] == family}) for family in (socket.AF_INET, socket.AF_INET6)
    ]
    most = max(families, key=len)
    return [BY_NAME] if len(most) == 1 and all(families) else most


class FixedAddress(AbstractResolver):
    """Resolves each name to one address. The name stays in the request, and for TLS."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        flags = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=flags)]

    async def close(self) -> None:
        pass
