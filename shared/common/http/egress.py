"""The egress guard: where a URL that a client gave may lead. Pure: the caller resolves names.

A URL is checked twice (ADR 29): when a client sends it, for what its text alone shows, and at each delivery, when its
name has been resolved. Both use the parts that `Egress.target` found, so no second parser reads the URL differently.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import quote

import idna

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

#: Characters of a URL.
MAX_URL: Final = 2048
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: Characters of a host's name (RFC 1035, section 2.3.4).
_MAX_NAME: Final = 253
#: What is not encoded in the path and the query: what RFC 3986 allows there, what is encoded already, and brackets.
_KEPT: Final = "/?:@!$&'()*+,;=-._~%[]"

_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^#]*)(?:#.*)?", re.S)
_AUTHORITY: Final = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{0,5}))?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: A last label of this form makes the host an IPv4 address (WHATWG URL standard, "ends in a number").
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

#: Names of this machine. `localhost.localdomain` and the others are in the hosts file of many distributions.
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})

#: IPv4 networks that are not of the public Internet (IANA's registry of special-purpose addresses).
_CLOSED_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's metadata
        "169.254.0.0/16",  # link-local; the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocols; Oracle's metadata
        "192.0.2.0/24",  # documentation, as two more below
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
#: All public IPv6 addresses are in this network (RFC 4291, section 2.4). Loopback, link-local, private, multicast and
#: IPv4-compatible addresses are not.
_OPEN_V6: Final = IPv6Network("2000::/3")
_CLOSED_V6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation, as one more below
        "2002::/16",  # 6to4, which is deprecated (RFC 7526)
        "3fff::/20",
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
#: The upper half of the interface identifier of ISATAP (RFC 5214, section 6.1), for both values of its universal bit.
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


class EgressRefused(ValueError):
    """A URL or an address that may not be reached. The text is one sentence for the client."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL.

    `host` is a name in ASCII and lower case, or an address without brackets. `path` includes the query. `exempt` is
    True if the operator allows this host, wherever it leads.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None = None
    exempt: bool = False

    @property
    def authority(self) -> str:
        """The value of the `Host` header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class Egress:
    """The rules of one installation: ports beside 80 and 443, and the hosts that the operator exempts.

    `allowed_hosts` are names, addresses and networks. Raises `EgressRefused` for an entry that is none of them.
    """

    def __init__(self, ports: Collection[int] = (), allowed_hosts: Collection[str] = ()) -> None:
        self._ports = ports
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allowed_hosts:
            if (network := _network(entry)) is not None:
                self._networks.append(network)
            else:
                self._names.add(_name(entry))

    def fault_of(self, url: str) -> str | None:
        """Return what is wrong with a URL as far as its text shows; None if it may be tried."""
        try:
            self.target(url)
        except EgressRefused as exc:
            return str(exc)
        return None

    def target(self, url: str) -> Target:
        """Return the parts of a URL. Raises `EgressRefused` if its text shows that it may not be reached."""
        scheme, authority, path = _split(url)
        name, address, port = _host(authority)
        host = str(address) if address is not None else name
        exempt = host in self._names or (address is not None and self._allows(address))
        if not exempt:
            self._check(host, address, port or _DEFAULT_PORTS[scheme])
        return Target(scheme, host, port or _DEFAULT_PORTS[scheme], path, address, exempt)

    def refusal(self, target: Target, addresses: Sequence[Address]) -> str | None:
        """Return why a host may not be reached, given all addresses of its name; None if each may be."""
        if not addresses:
            return f"the name {target.host} has no address"
        if target.exempt:
            return None
        for address in addresses:
            if not is_public(address) and not self._allows(address):
                return f"{target.host} leads to {address}, which is not an address of the public Internet"
        return None

    def _allows(self, address: Address) -> bool:
        plain = unmapped(address)
        return any(plain in network for network in self._networks if network.version == plain.version)

    def _check(self, host: str, address: Address | None, port: int) -> None:
        if address is None and (host in _LOCAL_NAMES or host.endswith(".localhost")):
            raise EgressRefused(f"{host} is the machine of this service; give a host on the public Internet")
        if address is not None and not is_public(address):
            raise EgressRefused(f"{address} is not an address of the public Internet; give one that is")
        if port not in self._ports and port not in _DEFAULT_PORTS.values():
            ports = ", ".join(map(str, sorted({*_DEFAULT_PORTS.values(), *self._ports})))
            raise EgressRefused(f"port {port} is not allowed; use one of {ports}")


def unmapped(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2), else the address."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def is_public(address: Address) -> bool:
    """Return True for a unicast address of the public Internet. An IPv4 address in it must be public too."""
    address = unmapped(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    # A NAT64 gateway sends the packets on to the embedded address (RFC 6052).
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.scope_id is not None or address not in _OPEN_V6 or any(address in network for network in _CLOSED_V6):
        return False
    if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return True


def _split(url: str) -> tuple[str, str, str]:
    """Return the scheme, the authority, and the path with its query, ready for a request."""
    if len(url) > MAX_URL:
        raise EgressRefused(f"a URL may have at most {MAX_URL} characters")
    # Parsers differ on these: some drop them, some end the host there.
    if any(c in " \\\x7f" or c < " " or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") for c in url):
        raise EgressRefused("a URL has no spaces, backslashes or control characters; encode them with %")
    parts = _URL.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in _DEFAULT_PORTS:
        raise EgressRefused("a URL must begin with http:// or https://")
    if "@" in parts["authority"]:
        raise EgressRefused("a URL must not contain a user or a password")
    path = quote(parts["path"], safe=_KEPT)
    return parts["scheme"].lower(), parts["authority"], path if path.startswith("/") else f"/{path}"


def _host(authority: str) -> tuple[str, Address | None, int | None]:
    """Return the name or the address of the host, and the port if there is one."""
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise EgressRefused("the host and the port of the URL cannot be read")
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise EgressRefused("a port is a number from 1 to 65535")
    if parts["ipv6"] is not None:
        return "", _ipv6(parts["ipv6"]), port
    name = _name(parts["name"])
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return "", _ipv4(name, parts["name"]), port
    return name, None, port


def _name(text: str) -> str:
    """Return a host's name in ASCII and lower case, without the dot at its end."""
    name = text
    if not name.isascii() and len(name) <= _MAX_NAME:
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise EgressRefused("the host of the URL is not a valid name") from None
    name = name.lower().removesuffix(".")
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise EgressRefused("the host of the URL is not a valid name")
    return name


def _ipv4(name: str, written: str) -> IPv4Address:
    """Return the address of four decimal numbers.

    Any other notation of inet_aton(3) is refused, because resolvers read it differently: 0177.0.0.1 is 127.0.0.1 for
    some, and 177.0.0.1 for others.
    """
    try:
        address = IPv4Address(name)
    except ValueError:
        raise EgressRefused("an IPv4 address is written as four decimal numbers, such as 192.0.2.1") from None
    if written != name:
        raise EgressRefused(f"write the address as {address}")
    return address


def _ipv6(text: str) -> IPv6Address:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise EgressRefused("the text between [ and ] is not an IPv6 address") from None
    if address.scope_id is not None:
        raise EgressRefused("an address with a zone is not one of the public Internet")
    if address.ipv4_mapped is not None:
        raise EgressRefused(f"write the address as {address.ipv4_mapped}")
    return address


def _network(entry: str) -> Network | None:
    """Return the network of an entry of the operator's; None if it is no address and no network."""
    try:
        return ip_network(entry.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def parse_addresses(texts: Collection[str]) -> list[Address]:
    """Return the addresses that a resolver gave, each once and in their order."""
    return list(dict.fromkeys(ip_address(text) for text in texts))
