"""Where zones are asked."""

import pytest

from deliverability import nameservers
from deliverability.nameservers import Nameserver


@pytest.mark.parametrize(
    "text, expected",
    [
        ("127.0.0.1", Nameserver("127.0.0.1", 53)),
        ("127.0.0.1:5353", Nameserver("127.0.0.1", 5353)),
        ("::1", Nameserver("::1", 53)),
        ("[::1]", Nameserver("::1", 53)),
        ("[2001:db8::1]:5353", Nameserver("2001:db8::1", 5353)),
        (" 10.0.0.1 ", Nameserver("10.0.0.1", 53)),
    ],
)
def test_an_address_with_or_without_a_port(text: str, expected: Nameserver) -> None:
    assert nameservers.parse(text) == expected
    assert nameservers.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.example",
        "10.0.0.1:",
        "10.0.0.1:x",
        "10.0.0.1:0",
        "[::1]:",
        "[::1]:65536",
        "[::1",
        "[::1]53",
    ],
)
def test_what_is_no_nameserver_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"nameserver|port") as caught:
        nameservers.parse(text)
    assert repr(text) in str(caught.value)


def test_resolv_conf() -> None:
    text = """# made by hand
search example.com
nameserver 10.0.0.1
nameserver not-an-address
nameserver 2001:db8::53
nameserver
options edns0
  nameserver 10.0.0.3
nameserver 10.0.0.4
"""
    assert nameservers.parse_resolv_conf(text) == (
        Nameserver("10.0.0.1"),
        Nameserver("2001:db8::53"),
        Nameserver("10.0.0.3"),
    )


@pytest.mark.parametrize("text", ["", "search example.com\n", "nameserver nowhere\n"])
def test_without_a_nameserver_loopback_is_asked(text: str) -> None:
    assert nameservers.parse_resolv_conf(text) == (Nameserver("127.0.0.1"),)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ("127.0.0.1:5353", True),
        ("[::1]:5353", True),
        ("[::1]:53", False),
        ("127.0.0.2:5353", False),
        ("192.0.2.1:5353", False),
    ],
)
def test_one_resolver_by_two_loopback_addresses(other: str, is_same: bool) -> None:
    assert nameservers.parse("127.0.0.1:5353").is_same(nameservers.parse(other)) is is_same
