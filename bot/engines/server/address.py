"""Where a server is, and whether what it is asked leaves the house. Pure: nothing is looked up.

A name that only a private network can resolve counts as near; any other name counts as far, also where it leads to
this machine, since one notice too many harms nobody.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.links.addresses import is_public
from memory.errors import UsageError

_NEAR = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""RFC 6761, RFC 6762, common usage, ICANN's reservation of 2024, RFC 8375."""


@dataclass(frozen=True)
class Address:
    """A server's address, taken apart."""

    base: str
    """What chat/completions is asked below."""
    root: str
    """The same without /v1: vLLM and llama-server have /tokenize there."""
    host: str
    encrypted: bool

    @property
    def near(self) -> bool:
        """Whether it is this machine or one of a private network."""
        try:
            return not is_public(ipaddress.ip_address(self.host))
        except ValueError:
            return "." not in self.host or self.host.endswith(_NEAR)

    @property
    def notice(self) -> str | None:
        """What everybody has to know of a server outside; None of one that is near."""
        if self.near:
            return None
        plainly = "" if self.encrypted else ", unencrypted: anybody on the way can read it; use https"
        return (
            "what is asked, and the passages and messages that belong to it, leaves this machine for"
            f" {self.host} ([server] url){plainly}"
        )


def address_of(url: str) -> Address:
    """The address that [server] url names; without a path, /v1 is meant.

    :raises UsageError: it is no http address, or it carries a password
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as exc:
        raise _wrong("can't be read") from exc
    if parts.scheme not in ("http", "https") or not host:
        raise _wrong("has no http:// or https:// with a host")
    if "@" in parts.netloc:
        raise _wrong("carries a name or password, which belongs in [server] key")
    if parts.query or parts.fragment:
        raise _wrong("has a part after the path")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"
    return Address(base, base.removesuffix("/v1"), host, parts.scheme == "https")


def _wrong(what: str) -> UsageError:
    # The url itself is not repeated: it may hold a password.
    return UsageError(f"[server] url {what}; it must be an address as http://127.0.0.1:8000/v1")
