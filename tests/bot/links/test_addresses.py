"""Which links are followed: by their text, and by the addresses of their hosts."""

from __future__ import annotations

import ipaddress

import pytest

from bot.links.addresses import checked, followed, is_public, urls_of
from bot.links.errors import PageError

PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.0.0.1"),
    *("168.63.129.16", "192.0.0.192", "192.88.99.1", "3fff::1"),
    *("::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1", "fec0::1", "100::1"),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    """Of this machine, the house, the provider, or of nobody; also within IPv6."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """They may be asked."""
    assert is_public(ipaddress.ip_address(address))


def test_an_address_is_asked_for_in_plain_signs() -> None:
    """As people write it, with umlauts and other scripts, and what is written in codes stays."""
    assert checked("https://de.example.org/wiki/Zürich%20See?q=湖").url == (
        "https://de.example.org/wiki/Z%C3%BCrich%20See?q=%E6%B9%96"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.1:25/", "scheme"),
        ("http://user:word@example.com/", "credentials"),
        ("http://example.com@127.0.0.1/", "credentials"),
        ("http://example.com\\@127.0.0.1/", "credentials"),
        ("http://example.com:22/", "port"),
        ("https://example.com:80/", "port"),
        ("http://example.com:99999/", "spelling"),
        ("http://2130706433/", "spelling"),
        ("http://0x7f000001/", "spelling"),
        ("http://0x7f.0.0.1/", "spelling"),
        ("http://0177.0.0.1/", "spelling"),
        ("http://127.1/", "spelling"),
        ("http://127.0.1/", "spelling"),
        ("http://0/", "spelling"),
        ("http://[fe80::1%25eth0]/", "spelling"),
        ("http:///etc", "spelling"),
        ("http://[::1/", "spelling"),
    ],
)
def test_urls_that_are_not_followed(url: str, reason: str) -> None:
    """Other schemes, names and passwords, other ports, disguised addresses."""
    with pytest.raises(PageError) as caught:
        checked(url)
    assert caught.value.reason == reason


def test_urls_that_are_followed() -> None:
    """In plain spelling, without the fragment; a port that the owner allows."""
    assert checked("HTTPS://Example.COM./a?b=c#d").url == "https://example.com/a?b=c"
    assert checked("https://bücher.example/").host == "xn--bcher-kva.example"
    assert checked("http://[2606:4700::1111]/").host == "2606:4700::1111"
    assert checked("http://example.com:8080/", ports=[8080]).port == 8080
    assert checked("http://example.com:80/").url == "http://example.com/"


def test_links_as_people_write_them() -> None:
    """Without a scheme https is meant; each once; mail and others are none."""
    assert urls_of(["example.com/a", "http://x.org", "http://x.org", "tg://resolve", "ftp://x"]) == [
        "https://example.com/a",
        "http://x.org",
    ]
    assert followed("https://a.example/b/c", "../d") == "https://a.example/d"
