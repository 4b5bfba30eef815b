"""Checks the DNS records by which receivers judge mails: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

DMARC passes if SPF or DKIM passes for a domain that is aligned with that of the From address. Only a mail that has
arrived shows how a provider sends and signs. So these checks find missing records and give hints.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, Self

#: Seconds for one query, with all its repeats.
_LIFETIME: Final = 5.0
#: The most characters that are shown of a record. Anyone could have written it.
_SHOWN: Final = 200
#: The names of the keys that Mailgun gives to domains, by their age.
_MAILGUN_SELECTORS: Final = ("pdk1", "pdk2", "email", "mailo", "pic", "smtp", "mx", "mta", "krs", "k1", "s1")
_MAILGUN_SPF: Final = "include:mailgun.org"


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, and a hint on what to do."""

    subject: str
    state: State
    hint: str


@dataclass(frozen=True, slots=True)
class Route:
    """How mails leave: from the domain of From, `sender`, with the domain `bounces` in their return path.

    They are signed for the domain `signer`, with a DKIM key that one of the `selectors` names. Without selectors,
    nothing is known of a signature. `spf_term` is the term of an SPF record that allows the provider to send.
    """

    provider: str
    sender: str
    bounces: str
    signer: str
    selectors: tuple[str, ...]
    spf_term: str

    @classmethod
    def over_mailgun(cls, domain: str, sender: str, selectors: tuple[str, ...] = ()) -> Self:
        """Return the route over Mailgun, which signs with its `domain` and takes bounces there."""
        return cls("mailgun", sender, domain, domain, selectors or _MAILGUN_SELECTORS, _MAILGUN_SPF)

    @classmethod
    def over_smtp(cls, server: str, sender: str, return_path: str, selectors: tuple[str, ...] = ()) -> Self:
        """Return the route over an SMTP server, which may sign for the sender."""
        return cls("smtp", sender, return_path, sender, selectors, _spf_term(server))


class NoAnswer(Exception):
    """No name server answers, so it is not known whether a record exists."""


class Records:
    """Reads TXT records. `name_server` is an address, with a port after a colon if it is not 53; None: the system's."""

    def __init__(self, name_server: str | None = None) -> None:
        import dns.asyncresolver  # large, and all other commands do without it

        try:
            self._resolver = dns.asyncresolver.Resolver(configure=name_server is None)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if name_server is not None:
            address, port = split_name_server(name_server)
            self._resolver.nameservers, self._resolver.port = [address], port

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name; none if there are none. Raises `NoAnswer`."""
        import dns.exception
        import dns.resolver

        try:
            answer = await self._resolver.resolve(name, "TXT", lifetime=_LIFETIME)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as exc:
            raise NoAnswer(f"{name}: {type(exc).__name__}") from exc
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def split_name_server(text: str) -> tuple[str, int]:
    """Return the address and the port of `192.0.2.1`, `192.0.2.1:5353` or an IPv6 address. Raises `ValueError`."""
    address, colon, port = text.rpartition(":")
    if colon and "." in address:
        return str(ip_address(address)), int(port)
    return str(ip_address(text)), 53


async def check(route: Route, records: Records) -> list[Check]:
    """Return the checks of a route. If a record cannot be read, its check is `unknown`."""
    if "." not in route.sender:
        hint = f"{route.sender} is not a domain of the Internet: set PRECIEUX_MAIL_FROM to an address of yours."
        return [Check("From", State.WRONG, hint)]
    spf, dkim, (dmarc, policy) = await asyncio.gather(
        _or_unknown("SPF", _spf(route, records)),
        _or_unknown("DKIM", _dkim(route, records)),
        _dmarc(route, records),
    )
    return [spf, dkim, dmarc, _alignment(route, policy)]


@dataclass(frozen=True, slots=True)
class _Policy:
    """A DMARC record, and the domain that has it."""

    domain: str
    text: str

    def tag(self, name: str) -> str | None:
        """Return the value of a tag, such as `p`."""
        for part in self.text.split(";"):
            key, _, value = part.partition("=")
            if key.strip().lower() == name:
                return value.strip().lower()
        return None


async def _or_unknown(subject: str, checking: Awaitable[Check]) -> Check:
    try:
        return await checking
    except NoAnswer as exc:
        return _unknown(subject, exc)


def _unknown(subject: str, error: NoAnswer) -> Check:
    hint = f"No name server answers ({error}), so this was not checked. Try --name-server, for example 9.9.9.9."
    return Check(subject, State.UNKNOWN, hint)


async def _spf(route: Route, records: Records) -> Check:
    domain = route.bounces
    found = [text for text in await records.texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    if not found:
        return Check("SPF", State.WRONG, f'Add a TXT record to {domain}: "v=spf1 {route.spf_term} ~all".')
    if len(found) > 1:
        return Check("SPF", State.WRONG, f"{domain} has {len(found)} SPF records, so none counts: join them into one.")
    terms = found[0].lower().split()
    if "+all" in terms or "all" in terms:
        return Check("SPF", State.WRONG, f"{domain} lets every host send: end its SPF record with ~all.")
    if route.provider == "mailgun" and not any(term.endswith("mailgun.org") for term in terms):
        return Check("SPF", State.WRONG, f"Put {route.spf_term} into the SPF record of {domain}, before its last term.")
    return Check("SPF", State.OK, f"{domain}: {found[0][:_SHOWN]}")


def _spf_term(server: str) -> str:
    """Return the term that allows an SMTP server. We cannot know the host by which a server in our network sends."""
    try:
        address = ip_address(server)
    except ValueError:
        return "mx" if "." not in server else f"a:{server}"
    return f"ip{address.version}:{address}" if address.is_global else "mx"


async def _dkim(route: Route, records: Records) -> Check:
    if not route.selectors:
        hint = (
            f"The SMTP server should sign with d={route.signer}. Name the selector of its key with --dkim-selector to"
            " check its record."
        )
        return Check("DKIM", State.UNKNOWN, hint)
    names = [f"{selector}._domainkey.{route.signer}" for selector in route.selectors]
    found = await asyncio.gather(*(records.texts(name) for name in names))
    keys = [name for name, texts in zip(names, found, strict=True) if any(map(_is_key, texts))]
    if keys:
        return Check("DKIM", State.OK, f"There is a key at {', '.join(keys)}.")
    source = "Mailgun shows for its domain" if route.provider == "mailgun" else "the SMTP server signs with"
    return Check("DKIM", State.WRONG, f"There is no key at {', '.join(names)}: add the one that {source}.")


def _is_key(text: str) -> bool:
    """Return True for a DKIM key. A key without a value was revoked."""
    return bool(_Policy("", text).tag("p"))


async def _dmarc(route: Route, records: Records) -> tuple[Check, _Policy | None]:
    try:
        for domain in _ancestors(route.sender):
            found = [text for text in await records.texts(f"_dmarc.{domain}") if text.lower().startswith("v=dmarc1")]
            if len(found) > 1:
                hint = f"_dmarc.{domain} has {len(found)} DMARC records, so none counts: keep one."
                return Check("DMARC", State.WRONG, hint), None
            if found:
                policy = _Policy(domain, found[0])
                return Check("DMARC", State.OK, f"_dmarc.{domain}: {found[0][:_SHOWN]}"), policy
    except NoAnswer as exc:
        return _unknown("DMARC", exc), None
    hint = f'Add a TXT record to _dmarc.{route.sender}: "v=DMARC1; p=none; rua=mailto:postmaster@{route.sender}".'
    return Check("DMARC", State.WRONG, hint), None


def _alignment(route: Route, policy: _Policy | None) -> Check:
    """Check that the return path or the signature is of the domain of From. DMARC needs one of them."""
    found = f"From is of {route.sender}, the return path of {route.bounces}"
    spf, dkim = _is_aligned(route.bounces, route.sender, policy, "aspf"), False
    if route.selectors:
        found += f", the signature of {route.signer}"
        dkim = _is_aligned(route.signer, route.sender, policy, "adkim")
    if spf or dkim:
        return Check("Alignment", State.OK, f"{found}: aligned by {' and '.join(['SPF'] * spf + ['DKIM'] * dkim)}.")
    setting = "MAIL_FROM" if route.provider == "mailgun" else "MAIL_RETURN_PATH"
    domain = route.signer if route.provider == "mailgun" else route.sender
    return Check("Alignment", State.WRONG, f"{found}. Set PRECIEUX_{setting} to an address of {domain}.")


def _is_aligned(domain: str, sender: str, policy: _Policy | None, tag: str) -> bool:
    """Return True if a domain is aligned with the sender's.

    A strict policy requires the same domain. A relaxed one requires the same organisation: its domain and all below it.
    """
    if domain == sender or (policy is not None and policy.tag(tag) == "s"):
        return domain == sender
    above = sender if policy is None else policy.domain
    return domain == above or domain.endswith(f".{above}") or sender.endswith(f".{domain}")


def _ancestors(domain: str) -> Iterator[str]:
    """Yield a domain and those above it, except the top-level domain."""
    labels = domain.split(".")
    for first in range(len(labels) - 1):
        yield ".".join(labels[first:])
