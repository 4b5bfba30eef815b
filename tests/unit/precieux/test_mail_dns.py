"""The checks of a sender's DNS records, with a DNS server of the tests."""

from collections.abc import Mapping

import pytest

from precieux.mail_dns import Check, Records, Route, State, check, split_name_server
from tests.fixtures.dns_server import dns_server

MAILGUN = Route.over_mailgun("mg.example.com", "example.com")
SMTP = Route.over_smtp("mail.example.net", "example.com", "example.com", ("s1",))
KEY = "v=DKIM1; k=rsa; p=" + "A" * 392
GOOD = {
    "example.com": ["v=spf1 mx ~all", "google-site-verification=1"],
    "mg.example.com": ["v=spf1 include:mailgun.org ~all"],
    "smtp._domainkey.mg.example.com": [KEY],
    "s1._domainkey.example.com": [KEY],
    "_dmarc.example.com": ["v=DMARC1; p=reject"],
}


async def checked(route: Route, records: Mapping[str, list[str]], *, works: bool = True) -> dict[str, Check]:
    with dns_server(records, works=works) as address:
        return {one.subject: one for one in await check(route, Records(address))}


@pytest.mark.parametrize("route", [MAILGUN, SMTP], ids=["mailgun", "smtp"])
async def test_good_records_pass(route: Route) -> None:
    found = await checked(route, GOOD)
    assert {one.state for one in found.values()} == {State.OK}, found
    assert list(found) == ["SPF", "DKIM", "DMARC", "Alignment"]
    assert "aligned by SPF and DKIM" in found["Alignment"].hint


@pytest.mark.parametrize(
    ("route", "subject", "changed", "hint"),
    [
        (MAILGUN, "SPF", {"mg.example.com": []}, 'to mg.example.com: "v=spf1 include:mailgun.org ~all"'),
        (MAILGUN, "SPF", {"mg.example.com": ["v=spf1 mx -all"]}, "Put include:mailgun.org into"),
        (SMTP, "SPF", {"example.com": ["v=spf10 mx"]}, 'to example.com: "v=spf1 a:mail.example.net ~all"'),
        (SMTP, "SPF", {"example.com": ["v=spf1 mx", "v=spf1 a"]}, "2 SPF records"),
        (SMTP, "SPF", {"example.com": ["v=spf1 +all"]}, "every host"),
        (
            MAILGUN,
            "DKIM",
            {"smtp._domainkey.mg.example.com": []},
            "pdk1._domainkey.mg.example.com,",
        ),
        (
            SMTP,
            "DKIM",
            {"s1._domainkey.example.com": ["v=DKIM1; p="]},
            "s1._domainkey.example.com:",
        ),
        (SMTP, "DMARC", {"_dmarc.example.com": []}, 'to _dmarc.example.com: "v=DMARC1; p=none;'),
        (SMTP, "DMARC", {"_dmarc.example.com": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "2 DMARC records"),
    ],
)
async def test_a_missing_record_is_named(route: Route, subject: str, changed: dict[str, list[str]], hint: str) -> None:
    found = await checked(route, GOOD | changed)
    assert found.pop(subject).state is State.WRONG
    assert hint in (await checked(route, GOOD | changed))[subject].hint
    assert {one.state for one in found.values()} == {State.OK}, found


@pytest.mark.parametrize(
    ("route", "policy", "aligned"),
    [
        (MAILGUN, "v=DMARC1; p=none", "aligned by SPF and DKIM"),
        (MAILGUN, "v=DMARC1; p=none; adkim=s", "aligned by SPF."),
        (MAILGUN, "v=DMARC1; p=none; aspf=s", "aligned by DKIM."),
        (MAILGUN, "v=DMARC1; p=none; aspf=s; adkim=s", None),
        (Route.over_mailgun("mg.example.com", "news.example.com"), "v=DMARC1; p=none", "aligned by SPF and DKIM"),
        (Route.over_mailgun("mg.example.com", "notexample.com"), "v=DMARC1; p=none", None),
        (Route.over_mailgun("notexample.com", "example.com"), "v=DMARC1; p=none", None),
        # There is no policy for this sender.
        (Route.over_mailgun("example.net", "news.example.net"), "", "aligned by SPF and DKIM"),
        (Route.over_smtp("h", "example.com", "bounces.example.com"), "v=DMARC1; p=none", "aligned by SPF."),
        (Route.over_smtp("h", "example.com", "example.net"), "v=DMARC1; p=none", None),
        (Route.over_smtp("h", "example.com", "example.net", ("s1",)), "v=DMARC1; p=none", "aligned by DKIM."),
    ],
)
async def test_alignment_is_that_of_the_policy(route: Route, policy: str, aligned: str | None) -> None:
    found = (await checked(route, {"_dmarc.example.com": [policy]}))["Alignment"]
    assert found.state is (State.OK if aligned else State.WRONG)
    assert (aligned or "Set PRECIEUX_MAIL_") in found.hint


async def test_without_a_selector_the_signature_is_unknown() -> None:
    found = await checked(Route.over_smtp("mail.example.net", "example.com", "example.com"), GOOD)
    assert found["DKIM"].state is State.UNKNOWN
    assert "--dkim-selector" in found["DKIM"].hint


async def test_a_name_server_that_fails_makes_checks_unknown() -> None:
    found = await checked(MAILGUN, GOOD, works=False)
    assert [one.state for one in found.values()] == [State.UNKNOWN] * 3 + [State.OK]
    assert "--name-server" in found["SPF"].hint


async def test_a_sender_without_a_domain_is_named_first() -> None:
    [found] = (await checked(Route.over_smtp("127.0.0.1", "localhost", "localhost"), GOOD)).values()
    assert (found.state, "PRECIEUX_MAIL_FROM" in found.hint) == (State.WRONG, True)


@pytest.mark.parametrize(
    ("server", "term"),
    [
        ("mail.example.net", "a:mail.example.net"),
        ("9.9.9.9", "ip4:9.9.9.9"),
        ("2620:fe::fe", "ip6:2620:fe::fe"),
        ("127.0.0.1", "mx"),
        ("postfix", "mx"),
    ],
)
def test_the_proposed_term_allows_the_server(server: str, term: str) -> None:
    assert Route.over_smtp(server, "example.com", "example.com").spf_term == term


def test_a_name_server_is_an_address_and_a_port() -> None:
    assert split_name_server("9.9.9.9") == ("9.9.9.9", 53)
    assert split_name_server("127.0.0.1:5353") == ("127.0.0.1", 5353)
    assert split_name_server("2620:fe::fe") == ("2620:fe::fe", 53)
    for wrong in ("dns.example", "9.9.9.9:x", "", "9.9.9.9:"):
        with pytest.raises(ValueError, match=r"address|literal"):
            split_name_server(wrong)
