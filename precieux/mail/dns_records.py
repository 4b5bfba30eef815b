"""Looks up the DNS records by which receivers judge mails: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

It says which records are missing. Only a mail that has arrived shows how a provider sends and signs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dns.resolver import Resolver

#: Seconds for one query, with all its repeats.
_LIFETIME: Final = 5.0
#: The most characters that are shown of a record. Anyone could have written it.
_SHOWN: Final = 200
#: The names of the keys that Mailgun gives to domains, by their age.
_MAILGUN_SELECTORS: Final = ("pdk1", "pdk2", "email", "mailo", "pic", "smtp", "mx", "mta", "krs", "k1", "s1")


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """The result of one check, `ok`, `wrong` or `unknown`, with the record or a hint on what to do."""

    subject: str
    state: str
    hint: str


def open_resolver() -> "Resolver":
    """Return a resolver that asks the name servers of this machine."""
    import dns.resolver  # large, and all other commands do without it

    try:
        return dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return dns.resolver.Resolver(configure=False)


def over_mailgun(domain: str, sender: str, selectors: Sequence[str], resolver: "Resolver") -> Iterator[RecordCheck]:
    """Yield the checks for mails over Mailgun, which signs with its `domain` and takes bounces there."""
    return _checks(sender, domain, domain, "include:mailgun.org", selectors or _MAILGUN_SELECTORS, resolver)


def over_smtp(sender: str, return_path: str, selectors: Sequence[str], resolver: "Resolver") -> Iterator[RecordCheck]:
    """Yield the checks for mails over an SMTP server, which may sign for the sender. The arguments are domains."""
    return _checks(sender, return_path, sender, "a:SENDING-HOST", selectors, resolver)


def _checks(
    sender: str, return_path: str, signer: str, spf: str, selectors: Sequence[str], resolver: "Resolver"
) -> Iterator[RecordCheck]:
    spf_remedy = f'Add a TXT record to {return_path}: "v=spf1 {spf} ~all".'
    yield _check("SPF", [return_path], "v=spf1", spf_remedy, resolver)
    names = [f"{selector}._domainkey.{signer}" for selector in selectors]
    if names:
        missing = f"There is no key at {', '.join(names)}: add the one that your provider shows, or signs with."
        yield _check("DKIM", names, "p=", missing, resolver)
    else:
        yield RecordCheck("DKIM", "unknown", "Name the selector of the key with --dkim-selector.")
    # A domain above the sender's may have the policy, except the top-level domain.
    labels = sender.split(".")
    names = [f"_dmarc.{'.'.join(labels[first:])}" for first in range(max(1, len(labels) - 1))]
    policy = f'"v=DMARC1; p=none; rua=mailto:postmaster@{sender}"'
    yield _check("DMARC", names, "v=dmarc1", f"Add a TXT record to {names[0]}: {policy}.", resolver)


def _check(subject: str, names: Sequence[str], mark: str, remedy: str, resolver: "Resolver") -> RecordCheck:
    """Look for a TXT record with `mark` in it, at one of the names."""
    import dns.exception
    import dns.resolver

    for name in names:
        try:
            answer = resolver.resolve(name, "TXT", lifetime=_LIFETIME)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except dns.exception.DNSException as exc:
            return RecordCheck(subject, "unknown", f"No name server answers ({type(exc).__name__}).")
        for text in (b"".join(record.strings).decode("utf-8", "replace") for record in answer):
            if mark in text.lower():
                return RecordCheck(subject, "ok", f"{name}: {text[:_SHOWN]}")
    return RecordCheck(subject, "wrong", remedy)
