"""Says to which addresses a request may send mails and webhooks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from api_service.access.principal import Principal
from api_service.http.errors import Fault
from api_service.services import Services
from shared.common.http.egress import Egress
from shared.records.accounts import webhooks

_UNSIGNED: Final = (
    "Webhooks of this key cannot be signed, because it has no secret; use a key that has one, or ask the operator to"
    " set PRECIEUX_WEBHOOK_SECRET."
)


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The rules for the addresses that a sender names. `can_sign` is True if webhooks of its key can be signed."""

    egress: Egress
    #: Returns why an address may not be mailed; None if it may.
    refusal: Callable[[str], str | None]
    can_sign: bool = False

    def faults(self, email: str | None, webhook_url: str | None) -> Iterator[Fault]:
        """Yield the faults that can be found before the addresses are used."""
        if email is not None and (refusal := self.refusal(email)):
            yield Fault(refusal, pointer="/email")
        if webhook_url is not None and (fault := self.egress.fault_of(webhook_url)):
            yield Fault(f"{fault[:1].upper()}{fault[1:]}.", pointer="/webhook_url")
        elif webhook_url is not None and not self.can_sign:
            yield Fault(_UNSIGNED, pointer="/webhook_url")


async def address_rules(services: Services, principal: Principal, *, has_webhook: bool) -> AddressRules:
    """Return the rules for the addresses of a request. Only a request that `has_webhook` needs a secret for it."""
    can_sign = False
    if has_webhook:
        can_sign = await services.database.call(webhooks.can_sign, principal.key_id, services.webhooks)
    return AddressRules(
        services.webhooks.egress, lambda email: services.submissions.refusal(principal, email), can_sign=can_sign
    )
