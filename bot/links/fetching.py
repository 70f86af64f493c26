"""One page over the network, within limits of time and size, and from the very addresses that were checked.

The name is resolved here, at the moment of connecting, and the connection goes to the address that was looked at: a
name server that answers otherwise the second time is never asked a second time. Every redirect is a new connection to
a new name, checked likewise. Nothing is sent but the address: no cookies, no credentials, no proxy of the environment.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import httpcore
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream

from bot.links.addresses import Address, Allowed, Target, checked, followed, is_public
from bot.links.errors import PageError

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host."""

MOST_REDIRECTS = 3
KINDS = {"text/html": "html", "application/xhtml+xml": "html", "text/plain": "txt", "application/pdf": "pdf"}
"""Content types that are read, and the ending by which the importer knows them."""
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HEADERS = ((b"User-Agent", b"Familiar"), (b"Accept", ", ".join(KINDS).encode()), (b"Accept-Encoding", b"identity"))


@dataclass(frozen=True)
class Limits:
    """How much is taken of a page."""

    max_bytes: int
    seconds: float
    """For all of it, redirects included."""
    ports: tuple[int, ...] = ()
    """Allowed besides 80 and 443."""


@dataclass(frozen=True)
class Download:
    """What came."""

    url: str
    """After redirects."""
    kind: str
    """"html", "txt" or "pdf"."""
    data: bytes


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses that the system knows for a host.

    :raises OSError: it knows none
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def fetch(url: str, limits: Limits, *, allowed: Allowed = is_public, resolve: Resolve = resolve) -> Download:
    """Fetch one page.

    :param allowed: whether an address may be connected to
    :param resolve: gives the addresses of a host
    :raises PageError: it is refused, can't be reached, is too large, too slow, or no page
    """
    deadline = time.monotonic() + limits.seconds
    backend = _Checked(allowed, resolve, deadline)
    for _ in range(MOST_REDIRECTS + 1):
        target = checked(url, ports=limits.ports)
        try:
            with httpcore.ConnectionPool(network_backend=backend, ssl_context=ssl.create_default_context()) as pool:
                answer = _get(pool, target, limits, deadline)
        except (httpcore.TimeoutException, TimeoutError) as exc:
            raise PageError("time", {"seconds": f"{limits.seconds:g}"}) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise PageError("unreachable") from exc
        if isinstance(answer, Download):
            return answer
        url = followed(target.url, answer)
    raise PageError("redirects")


def _get(pool: httpcore.ConnectionPool, target: Target, limits: Limits, deadline: float) -> Download | str:
    """The page, or where it has moved."""
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), limits.seconds)
    with pool.stream("GET", target.url, headers=_HEADERS, extensions={"timeout": timeout}) as response:
        headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and b"location" in headers:
            return headers[b"location"]
        if response.status != 200:
            raise PageError("status", {"status": response.status})
        kind = KINDS.get(headers.get(b"content-type", "").split(";")[0].strip().lower())
        if kind is None or headers.get(b"content-encoding", "identity") != "identity":
            raise PageError("kind")
        data = _body(response.iter_stream(), limits, deadline)
    if (kind == "pdf") != data.startswith(b"%PDF") or (kind != "pdf" and b"\0" in data[:4096]):
        raise PageError("kind")  # it is not what it says
    return Download(target.url, kind, data)


def _body(pieces: Iterable[bytes], limits: Limits, deadline: float) -> bytes:
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > limits.max_bytes:
            raise PageError("size", {"megabytes": f"{limits.max_bytes / 1e6:g}"})
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(data)


class _Checked(NetworkBackend):
    """Connects to addresses that it has looked at itself."""

    def __init__(self, allowed: Allowed, resolve: Resolve, deadline: float) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._deadline = deadline
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """Connect to the first address that answers, if all of the host's are allowed."""
        del timeout
        addresses = _addresses(self._resolve, host, port)
        if not all(self._allowed(address) for address in addresses):
            raise PageError("private")
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = self._network.connect_tcp(
                    str(address), port, _left(self._deadline), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
            else:
                return _Timed(stream, self._deadline)
        raise failure


def _addresses(resolve: Resolve, host: str, port: int) -> list[Address]:
    try:
        return [ipaddress.ip_address(text) for text in resolve(host, port)]
    except (OSError, UnicodeError, ValueError) as exc:  # ValueError: an address with a zone, which is a link's own
        raise PageError("unknown_host") from exc


def _left(deadline: float) -> float:
    """Seconds until then.

    :raises httpcore.ReadTimeout: none
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


class _Timed(NetworkStream):
    """A connection on which all reads together end at one moment: a server that sends a byte a second holds nobody."""

    def __init__(self, stream: NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within what is left of the time."""
        del timeout
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write likewise."""
        del timeout
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        """End the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        """Encrypt; the certificate must be the name's, whatever address was connected to."""
        del timeout
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> object:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)
