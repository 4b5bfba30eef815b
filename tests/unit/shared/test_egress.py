"""The egress guard: every notation of an address, and every network that is not of the public Internet."""

from ipaddress import ip_address, ip_network
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.common.http.egress import MAX_URL, Egress, EgressRefused, is_public, parse_addresses

EGRESS = Egress()

#: The addresses that programs on a cloud's machines ask for secrets.
METADATA = ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://example.com", "example.com", 80, "/"),
        ("https://example.com", "example.com", 443, "/"),
        ("HTTPS://Example.COM:443/Hook?a=1&b=%20#part", "example.com", 443, "/Hook?a=1&b=%20"),
        ("https://example.com:/", "example.com", 443, "/"),
        ("http://example.com.?x", "example.com", 80, "/?x"),
        ("http://bücher.example/ä", "xn--bcher-kva.example", 80, "/%C3%A4"),
        ("http://a_b.example/", "a_b.example", 80, "/"),
        ("http://8.8.8.8/", "8.8.8.8", 80, "/"),
        ("http://[2606:4700::1111]/", "2606:4700::1111", 80, "/"),
        ("http://[64:ff9b::8.8.8.8]/", "64:ff9b::808:808", 80, "/"),
        ("http://8.8.8.8.example/", "8.8.8.8.example", 80, "/"),
        ("http://localhost.example.com/", "localhost.example.com", 80, "/"),
        ("http://example.com/@127.0.0.1", "example.com", 80, "/@127.0.0.1"),
    ],
)
def test_a_public_url_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    target = EGRESS.target(url)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert EGRESS.fault_of(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begin with http:// or https://"),
        ("//example.com/", "begin with"),
        ("http:/example.com", "begin with"),
        ("ftp://example.com/", "begin with"),
        ("javascript:alert(1)", "begin with"),
        ("http://", "not a valid name"),
        ("http://user@example.com/", "user or a password"),
        ("http://@example.com/", "user or a password"),
        ("http://example.com:80@127.0.0.1/", "user or a password"),
        ("http://example.com\\@127.0.0.1/", "backslashes"),
        ("http://example.com/a b", "spaces"),
        ("http://exa\tmple.com/", "control characters"),
        ("http://example.com/\r\nHost: other", "control characters"),
        ("http://exa\u00admple.com/", "control characters"),
        ("http://example.com/\ud800", "control characters"),
        ("http://example.com:0/", "from 1 to 65535"),
        ("http://example.com:65536/", "from 1 to 65535"),
        ("http://example.com:808080/", "cannot be read"),
        ("http://example.com:+80/", "cannot be read"),
        ("http://example.com:８０/", "cannot be read"),
        ("http://example.com:8080/", "port 8080 is not allowed; use one of 80, 443"),
        ("http://exam%70le.com/", "not a valid name"),
        ("http://a..example/", "not a valid name"),
        ("http://-a.example/", "not a valid name"),
        (f"http://{'a' * 64}.example/", "not a valid name"),
        (f"http://{'a.' * 127}example/", "not a valid name"),
        ("http://☃.example/", "not a valid name"),
        ("http://[2606:4700::1111/", "cannot be read"),
        ("http://2606:4700::1111/", "cannot be read"),
        ("http://[example.com]/", "not an IPv6 address"),
        ("http://[fe80::1%25eth0]/", "zone"),
        (f"http://example.com/{'a' * MAX_URL}", f"at most {MAX_URL}"),
    ],
)
def test_a_fault_of_a_url_is_named(url: str, words: str) -> None:
    fault = EGRESS.fault_of(url)
    assert fault is not None
    assert words in fault


_NAMES: Final = """
    localhost LOCALHOST localhost. ⓛocalhost ｌｏｃａｌｈｏｓｔ a.localhost localhost.localdomain ip6-localhost
    ip6-loopback
"""
_SPELLINGS_OF_127_0_0_1: Final = """
    127.0.0.1 127.0.0.1. 127.1 127.0.1 2130706433 0x7f000001 0X7F.1 0x7f.0.0.1 0177.0.0.1 017700000001 127.0.0.01
    127.0.0.0x1 127.0.0.1.0 1.127.0.0.1 4294967297 0x 0 0.0.0.0 127.255.255.254 １２７.０.０.１ 127。0。0。1
    ①②⑦.⓪.⓪.① [::1] [0:0:0:0:0:0:0:1] [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1]
    [0:0:0:0:0:ffff:7f00:0001] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b:1::127.0.0.1] [2002:7f00:1::]
    [2001:0:7f00:1::] [2606:4700::5efe:127.0.0.1]
"""
_OTHERS: Final = """
    10.0.0.1 010.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 169.254.1.1 224.0.0.1 255.255.255.255
    [::ffff:10.0.0.1] [::ffff:8.8.8.8] [64:ff9b::10.0.0.1] [2002:a00:1::1] [2002:808:808::1] [fe80::1] [fec0::1]
    [fc00::1] [fd12:3456::1] [ff02::1] [2001:db8::1] [4000::1]
"""
#: They are public, but a resolver could read another address.
_AMBIGUOUS: Final = "134744072 010.8.8.8 8.8.2056"


@pytest.mark.parametrize(
    "host",
    [
        *(_NAMES + _SPELLINGS_OF_127_0_0_1 + _OTHERS + _AMBIGUOUS).split(),
        *(f"[{address}]" if ":" in address else address for address in METADATA),
    ],
)
def test_a_url_with_an_address_that_is_not_public_is_refused(host: str) -> None:
    assert EGRESS.fault_of(f"http://{host}/") is not None
    assert EGRESS.fault_of(f"https://{host}:443/x?y") is not None


@pytest.mark.parametrize(
    "network",
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48",
        "100::/64", "2001::/32", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ],
)  # fmt: skip
def test_no_edge_of_a_closed_network_is_public(network: str) -> None:
    closed = ip_network(network)
    edges = (closed[0], closed[1], closed[-2], closed[-1])
    assert [str(address) for address in edges if is_public(address)] == []


@given(st.ip_addresses())
def test_an_address_that_python_calls_private_is_not_public(address: object) -> None:
    parsed = ip_address(str(address))
    if is_public(parsed):
        assert parsed.is_global
        assert not parsed.is_multicast
        assert not parsed.is_reserved or parsed in ip_network("64:ff9b::/96")


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_judged_as_itself(address: object) -> None:
    inner = ip_address(str(address))
    for outer in (f"::ffff:{inner}", f"64:ff9b::{inner}", f"2606:4700::5efe:{inner}"):
        assert is_public(ip_address(outer)) is is_public(inner)


@pytest.mark.parametrize(
    "addresses",
    [
        *([address] for address in METADATA),
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%2"],
        [],
    ],
)
def test_a_name_with_one_closed_address_is_refused(addresses: list[str]) -> None:
    target = EGRESS.target("http://example.com/")
    refusal = EGRESS.refusal(target, parse_addresses(addresses))
    assert refusal is not None
    assert "example.com" in refusal


def test_a_name_with_public_addresses_only_is_allowed() -> None:
    target = EGRESS.target("http://example.com/")
    assert EGRESS.refusal(target, parse_addresses(["93.184.215.14", "2606:4700::1111"])) is None


def test_more_ports_can_be_opened() -> None:
    egress = Egress(ports=[8443])
    assert egress.fault_of("https://example.com:8443/") is None
    assert egress.fault_of("https://example.com/") is None
    assert egress.fault_of("https://example.com:8444/") == "port 8444 is not allowed; use one of 80, 443, 8443"
    assert egress.fault_of("https://10.0.0.1:8443/") is not None


@pytest.mark.parametrize(
    ("entry", "url", "addresses"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000/", ["127.0.0.1"]),
        ("[::1]", "http://[::1]:9000/", ["::1"]),
        ("10.0.0.0/8", "http://10.2.3.4:9000/", ["10.2.3.4"]),
        ("10.0.0.0/8", "http://example.com/", ["10.2.3.4"]),
        ("10.0.0.0/8", "http://example.com/", ["::ffff:10.2.3.4"]),
        ("fd00::/8", "http://[fd12::1]:1234/", ["fd12::1"]),
        ("localhost", "http://localhost:9000/", ["127.0.0.1", "::1"]),
        ("Hooks.Internal.", "http://hooks.internal:1/", ["10.0.0.1"]),
        ("bücher.example", "http://xn--bcher-kva.example:8080/", ["10.0.0.1"]),
    ],
)
def test_an_allowed_host_is_exempt(entry: str, url: str, addresses: list[str]) -> None:
    egress = Egress(allowed_hosts=[entry])
    assert egress.refusal(egress.target(url), parse_addresses(addresses)) is None
    # No other host is restricted by it.
    assert egress.fault_of("http://example.org/") is None


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://127.0.0.2/",
        "http://[::ffff:127.0.0.1]/",
        "http://10.0.0.1/",
        "http://example.com:9000/",
    ],
)
def test_an_allowed_address_exempts_nothing_else(url: str) -> None:
    assert Egress(allowed_hosts=["127.0.0.1"]).fault_of(url) is not None


def test_an_allowed_name_does_not_exempt_its_address() -> None:
    egress = Egress(allowed_hosts=["hooks.internal"])
    assert egress.fault_of("http://10.0.0.1/") is not None
    other = egress.target("http://example.com/")
    assert egress.refusal(other, parse_addresses(["10.0.0.1"])) is not None


@pytest.mark.parametrize("entry", ["a b", "10.0.0.0/33", "http://example.com", "*.example.com", "example.com:80"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(EgressRefused):
        Egress(allowed_hosts=[entry])


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com:80/", "example.com:80"),
        ("http://[2606:4700::1111]/", "[2606:4700::1111]"),
    ],
)
def test_the_host_header_has_the_name_and_an_unusual_port(url: str, authority: str) -> None:
    assert EGRESS.target(url).authority == authority


@given(st.text(max_size=60))
def test_any_text_has_a_fault_or_a_target(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.com/{text}"):
        if EGRESS.fault_of(url) is None:
            target = EGRESS.target(url)
            assert target.path.isascii()
            assert target.host.isascii()
            assert not set(target.path + target.host) & set(" \r\n\t\0\\")
