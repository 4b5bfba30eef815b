"""Decides how much submissions, runs and mails count against the rate limits. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from api_service.access.principal import Principal
from api_service.limits.rate_limits import RateLimit
from api_service.submissions.new_submission import NewSubmission
from shared.common.text.email_addresses import as_addressed, canonical, domain_of
from shared.records.accounts import cell_rate


@dataclass(frozen=True, slots=True)
class QuotaCosts:
    """The limits of an hour: of each key, each address and each domain."""

    key_budget: int
    recipient_budget: int
    domain_budget: int = 60_000
    key_bytes: int = 1 << 30
    key_cpu_seconds: int = 36_000

    def of_key(self, principal: Principal) -> list[RateLimit]:
        """Return the limits that belong to a key alone."""
        run_time = self.run_seconds(principal)
        sent = [self.submissions(principal), self.source_bytes(principal, 1)]
        limits = [*sent, *self.of_execution(principal, None, 0)]
        return [*limits, run_time] if run_time else limits

    def of_submissions(
        self, principal: Principal, new: Sequence[NewSubmission], *, has_digest: bool, digest_to: str | None = None
    ) -> list[RateLimit]:
        """Return the limits against which these submissions count, each once."""
        wanted: list[RateLimit] = []
        for submission in new:
            wanted += [self.submissions(principal), self.source_bytes(principal, submission.size_bytes)]
            if not submission.hold:
                results = 0 if has_digest else 1
                receipts = 1 if submission.spec and submission.spec.receipt else 0
                wanted += self.of_execution(principal, submission.email, results + receipts)
        addresses = {submission.email for submission in new if has_digest} | {digest_to}
        for address in {as_addressed(address) for address in addresses if address is not None}:
            wanted += self.of_mails(principal, address, 1)
        total: dict[str, RateLimit] = {}
        for limit in wanted:
            earlier = total.get(limit.subject)
            total[limit.subject] = replace(limit, amount=limit.amount + (earlier.amount if earlier else 0))
        return list(total.values())

    def of_execution(self, principal: Principal, email: str | None, mails: int) -> list[RateLimit]:
        """Return the limits against which one execution and its mails count."""
        executions = RateLimit(
            f"executions:{principal.key_id}", self.key_budget, "Executions of this key's submissions", name="runs"
        )
        return [executions, *(self.of_mails(principal, email, mails) if email is not None else ())]

    def of_mails(self, principal: Principal, email: str, mails: int) -> list[RateLimit]:
        """Return the limits of mails to an address: for its mailbox and for its domain.

        A key gets at most half of a mailbox's limit, so that mails of other keys can still be sent.
        """
        address, domain, share = canonical(email), domain_of(email), self.share_of_mails(principal)
        return [
            replace(share, subject=f"{share.subject}{address}", what="Mails of this key to this address", amount=mails),
            RateLimit(
                f"recipient:{address}", self.recipient_budget, "Mails to this address", mails, "mails", is_shared=True
            ),
            RateLimit(f"domain:{domain}", self.domain_budget, "Mails to this domain", mails, "mails", is_shared=True),
        ]

    def share_of_mails(self, principal: Principal) -> RateLimit:
        """Return the limit of a key's mails to one address. Its subject is the prefix of those of all addresses."""
        share = math.ceil(self.recipient_budget / 2)
        return RateLimit(f"share:{principal.key_id}:", share, "Mails of this key to one address", name="mails")

    def seconds_an_hour(self, principal: Principal) -> int | None:
        """Return the run time that a key's programs may use an hour; None for any."""
        per_hour = self.key_cpu_seconds if principal.run_seconds is None else principal.run_seconds
        return None if principal.sees_all or principal.key_id is None else per_hour or None

    def run_seconds(self, principal: Principal) -> RateLimit | None:
        """Return the limit of the run time of a key's programs; None if it has none."""
        per_hour = self.seconds_an_hour(principal)
        if per_hour is None or principal.key_id is None:
            return None
        seconds = cell_rate.run_seconds(principal.key_id)
        what = "Seconds of run time of this key's programs"
        return RateLimit(seconds, per_hour, what, name="run_seconds")

    def submissions(self, principal: Principal) -> RateLimit:
        """Return the limit of a key's submissions, and one of them."""
        return RateLimit(f"key:{principal.key_id}", self.key_budget, "This key's submissions", name="submissions")

    def source_bytes(self, principal: Principal, size: int) -> RateLimit:
        """Return the limit of the bytes that a key sends, and so many of them."""
        what = "Bytes of this key's sources, inputs and tests"
        return RateLimit(f"bytes:{principal.key_id}", self.key_bytes, what, size, "bytes")
