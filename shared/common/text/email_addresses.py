"""Canonical e-mail addresses: one form for all spellings that reach one mailbox.

Budgets and suppressions are kept by this form. Mail goes to the address as it was given, because only the receiving
host knows what a local part means.
"""

import contextlib
import re
import unicodedata
from typing import Final

import idna

#: RFC 5321 allows 254 characters. No mail reaches a longer address, so it gets only one linear pass.
_MAX_LENGTH: Final = 320
_MAX_ADDRESS: Final = 254
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
#: Domains that name one mail host, by their canonical one.
_SAME_HOST: Final = {"googlemail.com": "gmail.com"}
#: Domains whose mailboxes ignore dots in the local part.
_IGNORES_DOTS: Final = frozenset({"gmail.com"})


def canonical(address: str) -> str:
    """Return the canonical form of an address: folded case, no `+tag`, one form of the domain. Any text has one.

    Only `+` separates a tag: it does so at most hosts, while `-` and `.` are parts of ordinary names. The time is
    linear in the length of the address.
    """
    local, at, domain = _folded(address.strip()).rpartition("@")
    if not at:
        return domain
    domain = canonical_domain(domain)
    local = local.partition("+")[0] or local
    if domain in _IGNORES_DOTS:
        local = local.replace(".", "") or local
    return f"{local}@{domain}"


def as_addressed(address: str) -> str:
    """Return the form by which the submissions of a batch share one digest.

    Spellings that differ in more than case get one each, because a tag may sort the mails of a mailbox.
    """
    return address.lower()


def canonical_domain(domain: str) -> str:
    """Return the canonical form of a domain: lower case, in ASCII (punycode), without the dot at its end."""
    domain = _folded(domain.strip()).rstrip(".")
    if not domain.isascii() and len(domain) <= _MAX_LENGTH:
        # A text that is not a domain keeps its folded form.
        with contextlib.suppress(idna.IDNAError, UnicodeError):
            domain = idna.encode(domain, uts46=True).decode("ascii")
    return _SAME_HOST.get(domain, domain)


def domain_of(address: str) -> str:
    """Return the canonical domain of an address, or an empty string if the text has none."""
    _, at, domain = address.rpartition("@")
    return canonical_domain(domain) if at else ""


def is_recipient(name: str) -> bool:
    """Return True if a list of recipients may hold the name: a domain, `*.` and a domain, or an address."""
    local, at, domain = name.strip().rpartition("@")
    domain = canonical_domain(domain if at else domain.removeprefix("*."))
    return bool(_DOMAIN.fullmatch(domain)) and (bool(local) or not at)


def is_address(text: str) -> bool:
    """Return True if mail may be sent to the text, as far as its form says."""
    return len(text) <= _MAX_ADDRESS and bool(domain_of(text)) and is_recipient(text)


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    if len(text) > _MAX_LENGTH:
        # Normalization takes quadratic time on a long run of combining marks.
        return text.casefold()
    # Folding case can undo the normal form, and the other way round (Unicode 3.13, NFKC_Casefold).
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
