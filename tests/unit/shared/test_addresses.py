"""All spellings of a mailbox have one canonical address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.common.text.email_addresses import canonical, canonical_domain, domain_of


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("victim@example.com", "victim@example.com"),
        ("Victim@Example.COM", "victim@example.com"),
        ("victim+a+b@example.com", "victim@example.com"),
        ("victim@example.com.", "victim@example.com"),
        (" victim@example.com\n", "victim@example.com"),
        ("v.ic.tim@gmail.com", "victim@gmail.com"),
        ("V.ictim+x@GoogleMail.com", "victim@gmail.com"),
        ("v.ictim@googlemail.com.", "victim@gmail.com"),
        ("victim@bücher.example", "victim@xn--bcher-kva.example"),
        ("victim@bu\u0308cher.example", "victim@xn--bcher-kva.example"),
        ("victim@bücher。example", "victim@xn--bcher-kva.example"),
        # Full-width letters, and a sharp s.
        ("\uff36ictim@\uff47mail.com", "victim@gmail.com"),
        ("straße@example.com", "strasse@example.com"),
    ],
)
def test_spellings_of_one_mailbox_are_one_address(spelling: str, address: str) -> None:
    assert canonical(spelling) == address


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("vic.tim@example.com", "victim@example.com"),
        ("victim-1@example.com", "victim@example.com"),
        ("victim@example.com", "victim@mail.example.com"),
        ("+1@example.com", "+2@example.com"),
        ("a@gmail.com", "a@gmail.com.example.com"),
    ],
)
def test_other_mailboxes_stay_other_addresses(one: str, another: str) -> None:
    assert canonical(one) != canonical(another)


@pytest.mark.parametrize(
    "text", ["", "@", "nobody", "@example.com", "a@", ".@gmail.com", "a@b@c", "a@\ud800", "a@" + "é" * 400]
)
def test_any_text_has_a_canonical_form(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.from_regex(r"[A-Za-z.+éßİǅ\uff21]{1,12}@[A-Za-zéßİ.\uff21]{1,12}", fullmatch=True))
def test_a_canonical_address_is_its_own(address: str) -> None:
    assert canonical(canonical(address)) == canonical(address)
    assert canonical(address.upper()) == canonical(address.upper().swapcase())
    assert canonical_domain(domain_of(address)) == domain_of(address)


@pytest.mark.parametrize("text", ["{}@example.com", "a@{}", "a@{}.com", "{}"])
@pytest.mark.parametrize("unit", ["\u0301", "\u0301\u0316", "\ufdfa", "。", "ß", "é."])
def test_a_long_text_is_not_normalized(text: str, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries take more than linear time, because a mark moves past all marks before it."""
    lengths: list[int] = []

    def normalize(form: str, text: str) -> str:
        lengths.append(len(text))
        return text

    def encode(domain: str, **_: bool) -> bytes:
        lengths.append(len(domain))
        return b"example.com"

    monkeypatch.setattr("shared.common.text.email_addresses.unicodedata.normalize", normalize)
    monkeypatch.setattr("shared.common.text.email_addresses.idna.encode", encode)
    canonical(text.format(unit * 100))
    assert lengths
    canonical(text.format(unit * 100_000))
    assert max(lengths) <= 1000
