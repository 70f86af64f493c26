"""Which addresses may be asked: nothing in the house, nothing on this machine, nothing that only looks public.

A link may come from anywhere, and whoever wrote it must not make the bot ask a router, a cloud's metadata service or
a database beside it. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from bot.links.errors import PageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Allowed = Callable[[Address], bool]
"""Whether an address may be connected to."""

_PORTS = {"http": 80, "https": 443}
_WRITTEN = "/%:@!$&'()*+,;=~?"
"""Signs of a path or query that stay as they are; people also write others, such as umlauts."""
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]*|\d+)\Z")
_CARRIERS = tuple(
    ipaddress.ip_network(net)
    for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "fec0::/10", "5f00::/16")
)
"""Addresses that carry an IPv4 address within them, and some that lead nowhere public."""
_KNOWN = tuple(ipaddress.ip_network(net) for net in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
"""Special ones that Python takes for public: metadata services of clouds, retired relays, documentation (RFC 9637)."""


@dataclass(frozen=True)
class Target:
    """A checked URL, taken apart."""

    url: str
    host: str
    """In the form that is asked for: lower case, Unicode as punycode, an IPv6 address without brackets."""
    port: int


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet.

    Private, loopback, link-local, shared (RFC 6598), documentation, reserved and multicast addresses are not
    (https://www.iana.org/assignments/iana-ipv4-special-registry), however they are wrapped up.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _CARRIERS):
            return False
    if any(address in network for network in _KNOWN):
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not (special or address.is_link_local or address.is_private)


def checked(url: str, *, ports: Sequence[int] = ()) -> Target:
    """A URL that may be asked for, as far as its text tells; its host's addresses are checked when it is connected to.

    :param ports: allowed besides the scheme's own
    :raises PageError: its scheme, port or spelling is none that is followed, or it carries a name and password
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise PageError("spelling") from exc
    if parts.scheme not in _PORTS:
        raise PageError("scheme")
    if "@" in parts.netloc or "\\" in url:
        raise PageError("credentials")
    host = _host(parts.hostname or "")
    port = port if port is not None else _PORTS[parts.scheme]
    if port != _PORTS[parts.scheme] and port not in ports:
        raise PageError("port", {"port": port})
    netloc = f"[{host}]" if ":" in host else host
    rest = parts._replace(
        netloc=netloc if port == _PORTS[parts.scheme] else f"{netloc}:{port}",
        path=quote(parts.path, safe=_WRITTEN),
        query=quote(parts.query, safe=_WRITTEN),
        fragment="",
    )
    return Target(rest.geturl(), host, port)


def _host(name: str) -> str:
    """A host's name or address in its plain spelling.

    An address written as one number, with octal, hexadecimal or missing parts, is a disguise.
    """
    try:
        host = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError as exc:
        raise PageError("spelling") from exc
    host = host.lower().rstrip(".")
    if not host or "%" in host or any(sign.isspace() for sign in host):
        raise PageError("spelling")
    if ":" not in host and _NUMBER.match(host.split(".")[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError as exc:
            raise PageError("spelling") from exc
    return host


def followed(url: str, location: str) -> str:
    """Where a redirect leads."""
    try:
        return urljoin(url, location.strip())
    except ValueError as exc:
        raise PageError("spelling") from exc


def urls_of(written: Iterable[str]) -> list[str]:
    """Web addresses as people write them, with their scheme, each once."""
    whole = (text if "://" in text else f"https://{text}" for text in written if text)
    return list(dict.fromkeys(url for url in whole if url.lower().startswith(("http://", "https://"))))
