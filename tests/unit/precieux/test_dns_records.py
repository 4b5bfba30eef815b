"""The checks of a sender's DNS records, with a DNS server of the tests."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from precieux.mail.dns_records import RecordCheck, over_mailgun, over_smtp
from tests.fixtures.dns_server import dns_server

Checks = Callable[[Any], Iterator[RecordCheck]]

MAILGUN = partial(over_mailgun, "mg.example.com", "example.com", ())
SMTP = partial(over_smtp, "news.example.com", "example.com", ("s1",))
GOOD = {
    "example.com": ["google-site-verification=1", "v=spf1 mx ~all"],
    "mg.example.com": ["v=spf1 include:mailgun.org ~all"],
    "smtp._domainkey.mg.example.com": ["k=rsa; p=" + "A" * 392],
    "s1._domainkey.news.example.com": ["v=DKIM1; k=rsa; p=" + "A" * 392],
    "_dmarc.example.com": ["v=DMARC1; p=reject"],
}


def checked(checks: Checks, found: Mapping[str, list[str]], *, works: bool = True) -> dict[str, RecordCheck]:
    with dns_server(found, works=works) as resolver:
        return {one.subject: one for one in checks(resolver)}


@pytest.mark.parametrize("checks", [MAILGUN, SMTP], ids=["mailgun", "smtp"])
def test_good_records_pass(checks: Checks) -> None:
    found = checked(checks, GOOD)
    assert [(one.subject, one.state) for one in found.values()] == [("SPF", "ok"), ("DKIM", "ok"), ("DMARC", "ok")]
    assert found["DMARC"].hint == "_dmarc.example.com: v=DMARC1; p=reject"


@pytest.mark.parametrize(
    ("checks", "subject", "missing", "hint"),
    [
        (MAILGUN, "SPF", "mg.example.com", 'to mg.example.com: "v=spf1 include:mailgun.org ~all"'),
        (SMTP, "SPF", "example.com", 'to example.com: "v=spf1 a:SENDING-HOST ~all"'),
        (MAILGUN, "DKIM", "smtp._domainkey.mg.example.com", "pdk1._domainkey.mg.example.com,"),
        (SMTP, "DKIM", "s1._domainkey.news.example.com", "s1._domainkey.news.example.com:"),
        (SMTP, "DMARC", "_dmarc.example.com", 'to _dmarc.news.example.com: "v=DMARC1; p=none;'),
    ],
)
def test_a_missing_record_is_named(checks: Checks, subject: str, missing: str, hint: str) -> None:
    found = checked(checks, {**GOOD, missing: ["another"]})
    assert (found[subject].state, hint in found[subject].hint) == ("wrong", True)
    assert [one.state for one in found.values()].count("ok") == 2


def test_without_a_selector_the_key_is_unknown() -> None:
    found = checked(partial(over_smtp, "example.com", "example.com", ()), GOOD)["DKIM"]
    assert (found.state, "--dkim-selector" in found.hint) == ("unknown", True)


def test_a_name_server_that_fails_makes_checks_unknown() -> None:
    found = checked(MAILGUN, GOOD, works=False)
    assert {one.state for one in found.values()} == {"unknown"}
    assert "No name server answers" in found["SPF"].hint
