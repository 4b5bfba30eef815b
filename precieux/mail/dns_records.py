"""Looks up the DNS records by which receivers judge mails: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

It says which records are missing. Only a mail that has arrived shows how a provider sends and signs.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dns.resolver import Resolver

#: Seconds for one query, with all its repeats.
_LIFETIME: Final = 5.0
#: The most characters that are shown of a record. Anyone could have written it.
_SHOWN: Final = 200
#: The names of the keys that Mailgun gives to domains, by their age.
_MAILGUN_SELECTORS: Final = ("pdk1", "pdk2", "email", "mailo", "pic", "smtp", "mx", "mta", "krs", "k1", "s1")


class CheckState(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """The result of one check, and a hint on what to do."""

    subject: str
    state: CheckState
    hint: str


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A TXT record that has `mark` in it, at one of the `names`. `remedy` says what to do if there is none."""

    subject: str
    names: Sequence[str]
    mark: str
    remedy: str


def over_mailgun(domain: str, sender: str, selectors: Sequence[str] = ()) -> list[DnsRecord]:
    """Return the records for mails over Mailgun, which signs with its `domain` and takes bounces there."""
    spf = DnsRecord("SPF", [domain], "v=spf1", f'Add a TXT record to {domain}: "v=spf1 include:mailgun.org ~all".')
    dkim = _dkim(domain, selectors or _MAILGUN_SELECTORS, "Mailgun shows for its domain")
    return [spf, dkim, _dmarc(sender)]


def over_smtp(sender: str, return_path: str, selectors: Sequence[str] = ()) -> list[DnsRecord]:
    """Return the records for mails over an SMTP server, which may sign for the sender. The arguments are domains."""
    remedy = f'Add a TXT record to {return_path}: "v=spf1 a:HOST ~all", with the name of the host that sends.'
    dkim = _dkim(sender, selectors, "the SMTP server signs with")
    return [DnsRecord("SPF", [return_path], "v=spf1", remedy), dkim, _dmarc(sender)]


def open_resolver(name_server: str | None) -> "Resolver":
    """Return a resolver that asks `name_server`, such as 9.9.9.9 or 127.0.0.1:5353, or else the system's.

    Raises `ValueError` if it is no address.
    """
    import dns.resolver  # large, and all other commands do without it

    resolver = dns.resolver.Resolver(configure=False)
    if name_server is None:
        with suppress(dns.resolver.NoResolverConfiguration):
            resolver.read_resolv_conf("/etc/resolv.conf")
        return resolver
    address, _, port = name_server.partition(":") if "." in name_server else (name_server, "", "")
    resolver.nameservers, resolver.port = [address], int(port or 53)
    return resolver


def check(records: Sequence[DnsRecord], resolver: "Resolver") -> Iterator[RecordCheck]:
    """Yield the check of each record. One that cannot be looked up is `unknown`."""
    import dns.exception

    for record in records:
        if not record.names:
            yield RecordCheck(record.subject, CheckState.UNKNOWN, record.remedy)
            continue
        try:
            found = next(_found(record, resolver), None)
        except dns.exception.DNSException as exc:
            hint = f"No name server answers ({type(exc).__name__}). Try --name-server, for example 9.9.9.9."
            yield RecordCheck(record.subject, CheckState.UNKNOWN, hint)
        else:
            yield RecordCheck(record.subject, CheckState.OK if found else CheckState.WRONG, found or record.remedy)


def _found(record: DnsRecord, resolver: "Resolver") -> Iterator[str]:
    import dns.resolver

    for name in record.names:
        try:
            answer = resolver.resolve(name, "TXT", lifetime=_LIFETIME)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        for text in (b"".join(one.strings).decode("utf-8", "replace") for one in answer):
            if record.mark in text.lower():
                yield f"{name}: {text[:_SHOWN]}"


def _dkim(signer: str, selectors: Sequence[str], which: str) -> DnsRecord:
    names = [f"{selector}._domainkey.{signer}" for selector in selectors]
    missing = f"There is no key at {', '.join(names)}: add the one that {which}."
    return DnsRecord("DKIM", names, "p=", missing if names else "Name the selector of the key with --dkim-selector.")


def _dmarc(sender: str) -> DnsRecord:
    """Return the record of a domain, which may be one of a domain above it, except the top-level domain."""
    labels = sender.split(".")
    names = [f"_dmarc.{'.'.join(labels[first:])}" for first in range(max(1, len(labels) - 1))]
    policy = f'"v=DMARC1; p=none; rua=mailto:postmaster@{sender}"'
    return DnsRecord("DMARC", names, "v=dmarc1", f"Add a TXT record to {names[0]}: {policy}.")
