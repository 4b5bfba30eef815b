"""The domains and addresses to which an operator allows mail."""

from collections.abc import Collection
from typing import Final

from shared.common.text.email_addresses import canonical, canonical_domain, domain_of


class Recipients:
    """The allowed recipients. If `entries` is None, all are allowed.

    `example.edu` is a domain, `*.example.edu` all domains below it, `someone@example.edu` one mailbox.
    """

    def __init__(self, entries: Collection[str] | None = None) -> None:
        self._allows_all = entries is None
        names = [entry.strip() for entry in entries or ()]
        self._addresses = frozenset(canonical(name) for name in names if "@" in name)
        domains = [name for name in names if "@" not in name]
        self._domains = frozenset(canonical_domain(name) for name in domains if not name.startswith("*."))
        self._suffixes = tuple("." + canonical_domain(name[2:]) for name in domains if name.startswith("*."))

    def allows(self, address: str) -> bool:
        if self._allows_all or canonical(address) in self._addresses:
            return True
        domain = domain_of(address)
        return domain in self._domains or domain.endswith(self._suffixes)


ALL_RECIPIENTS: Final = Recipients()
