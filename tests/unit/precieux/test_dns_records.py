"""The checks of a sender's DNS records, with a DNS server of the tests."""

from collections.abc import Mapping, Sequence

import pytest

from precieux.mail.dns_records import CheckState, DnsRecord, RecordCheck, check, open_resolver, over_mailgun, over_smtp
from tests.fixtures.dns_server import dns_server

MAILGUN = over_mailgun("mg.example.com", "example.com")
SMTP = over_smtp("news.example.com", "example.com", ("s1",))
GOOD = {
    "example.com": ["google-site-verification=1", "v=spf1 mx ~all"],
    "mg.example.com": ["v=spf1 include:mailgun.org ~all"],
    "smtp._domainkey.mg.example.com": ["k=rsa; p=" + "A" * 392],
    "s1._domainkey.news.example.com": ["v=DKIM1; k=rsa; p=" + "A" * 392],
    "_dmarc.example.com": ["v=DMARC1; p=reject"],
}


def checked(
    needed: Sequence[DnsRecord], found: Mapping[str, list[str]], *, works: bool = True
) -> dict[str, RecordCheck]:
    with dns_server(found, works=works) as address:
        return {one.subject: one for one in check(needed, open_resolver(address))}


@pytest.mark.parametrize("needed", [MAILGUN, SMTP], ids=["mailgun", "smtp"])
def test_good_records_pass(needed: list[DnsRecord]) -> None:
    found = checked(needed, GOOD)
    assert [(one.subject, one.state) for one in found.values()] == [("SPF", "ok"), ("DKIM", "ok"), ("DMARC", "ok")]
    assert found["DMARC"].hint == "_dmarc.example.com: v=DMARC1; p=reject"


@pytest.mark.parametrize(
    ("needed", "subject", "missing", "hint"),
    [
        (MAILGUN, "SPF", "mg.example.com", 'to mg.example.com: "v=spf1 include:mailgun.org ~all"'),
        (SMTP, "SPF", "example.com", 'to example.com: "v=spf1 a:HOST ~all"'),
        (MAILGUN, "DKIM", "smtp._domainkey.mg.example.com", "pdk1._domainkey.mg.example.com,"),
        (SMTP, "DKIM", "s1._domainkey.news.example.com", "s1._domainkey.news.example.com:"),
        (SMTP, "DMARC", "_dmarc.example.com", 'to _dmarc.news.example.com: "v=DMARC1; p=none;'),
    ],
)
def test_a_missing_record_is_named(needed: list[DnsRecord], subject: str, missing: str, hint: str) -> None:
    found = checked(needed, {**GOOD, missing: ["another"]})
    assert (found[subject].state, hint in found[subject].hint) == (CheckState.WRONG, True)
    assert [one.state for one in found.values()].count(CheckState.OK) == 2


def test_without_a_selector_the_key_is_unknown() -> None:
    found = checked(over_smtp("example.com", "example.com"), GOOD)["DKIM"]
    assert (found.state, "--dkim-selector" in found.hint) == (CheckState.UNKNOWN, True)


def test_a_name_server_that_fails_makes_checks_unknown() -> None:
    found = checked(MAILGUN, GOOD, works=False)
    assert {one.state for one in found.values()} == {CheckState.UNKNOWN}
    assert "--name-server" in found["SPF"].hint


def test_a_name_server_is_an_address_and_a_port() -> None:
    for text, port in (("9.9.9.9", 53), ("127.0.0.1:5353", 5353), ("2620:fe::fe", 53)):
        assert open_resolver(text).port == port
    for wrong in ("dns.example", "9.9.9.9:x", ""):
        with pytest.raises(ValueError, match=r"."):
            open_resolver(wrong)
