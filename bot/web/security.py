"""Who may see the page: decisions without HTTP, so that each can be tried by itself.

The token never becomes a cookie: a login exchanges it for a random session id that lives in this process's memory and
ends with it. Tries are counted for each client, those with a right token too, else a limit would tell which one was
right.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Clock = Callable[[], float]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""On every answer, errors too."""

TRIES, TRY_SECONDS = 10, 60.0
"""Wrong tokens a client may send within so many seconds; then it waits."""
_CLIENTS = 1000
_SESSIONS = 50
SESSION_SECONDS = 12 * 3600.0
"""A session ends so long after its last request."""


@dataclass
class Session:
    """One browser that has logged in."""

    id: str
    csrf: str
    """Stands in every form: another site can't read it, so it can't send one."""
    seen: float
    notices: list[tuple[str, bool]] = field(default_factory=list)
    """What the next page says of what was done: text, and whether it went well."""


class Sessions:
    """Sessions by their ids, in memory alone; the ones seen longest ago make room for new ones."""

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Session] = OrderedDict()

    def begin(self) -> Session:
        """A new session."""
        made = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._clock())
        with self._lock:
            self._known[made.id] = made
            while len(self._known) > _SESSIONS:
                self._known.popitem(last=False)
        return made

    def find(self, id_: str | None) -> Session | None:
        """The session of that id, if it has not ended; it is seen now."""
        now = self._clock()
        with self._lock:
            found = self._known.get(id_ or "")
            if found is None or now - found.seen > SESSION_SECONDS:
                self._known.pop(id_ or "", None)
                return None
            found.seen = now
            self._known.move_to_end(found.id)
        return found

    def end(self, id_: str) -> None:
        """Log out."""
        with self._lock:
            self._known.pop(id_, None)


class TryLimit:
    """Counts wrong tokens by client, so that none can be found by trying."""

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds until this client may try again; 0 where it may now."""
        now = self._clock()
        with self._lock:
            failed = self._failed.get(client, deque())
            while failed and now - failed[0] >= TRY_SECONDS:
                failed.popleft()
            return TRY_SECONDS - (now - failed[0]) if len(failed) >= TRIES else 0.0

    def failed(self, client: str) -> None:
        """Note a wrong token."""
        with self._lock:
            self._failed.setdefault(client, deque()).append(self._clock())
            self._failed.move_to_end(client)
            while len(self._failed) > _CLIENTS:
                self._failed.popitem(last=False)


def same(given: str, right: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how far they agree."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, right)]
    return hmac.compare_digest(*digests)


def is_loopback(host: str) -> bool:
    """Whether an address that is listened on can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_allowed_host(header: str | None, *, listens: str, names: Collection[str]) -> bool:
    """Whether a request's Host is one of ours: a name that somebody else made point here is not.

    Ports don't matter, because a tunnel changes them. A page that is open to other machines answers to any IP address:
    whoever reached it by an address was not led here by a name.

    :param listens: the address that is listened on
    :param names: other names that the owner gave
    """
    name = host_name(header)
    if name is None:
        return False
    if name in ("localhost", listens.lower(), *(item.lower() for item in names)):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not is_loopback(listens)


def host_name(header: str | None) -> str | None:
    """The name in a Host header without its port, in lower case; None where there is none."""
    if not header or any(sign in header for sign in "/@?#\\ "):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname


def is_own_form(*, host: str | None, origin: str | None, site: str | None) -> bool:
    """Whether a form was sent by one of our own pages, by what the browser says of it.

    :param site: Sec-Fetch-Site, which browsers send over https and to this machine; it says most
    :param origin: "null" where the referrer policy hides it, which is no news
    """
    if site is not None:
        return site in ("same-origin", "none")
    if origin is None or origin == "null":
        return True
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()
