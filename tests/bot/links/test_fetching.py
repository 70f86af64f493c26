"""Pages over real HTTP: within limits, from checked addresses only, whatever names and redirects say."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from bot.config import LinksConfig, Settings
from bot.links.addresses import Address
from bot.links.errors import PageError
from bot.links.fetching import Download, Limits, fetch
from bot.links.reading import Pages, page_reader, ports_of
from memory.config import ImportConfig
from memory.errors import UsageError
from tests.bot.links.pages import Page, PageServer

SPELLINGS = [
    *("127.0.0.1", "localhost", "LOCALHOST.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F.0.0.1"),
    *("0177.0.0.1", "017700000001", "127.0.0.1.", "127.255.255.254", "0", "0.0.0.0", "0.0.0.0.", "[::1]"),
    *("[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "①②⑦.0.0.1", "127。0。0。1", "10.0.0.1", "192.168.0.1"),
    *("169.254.169.254", "100.64.0.1"),
]


@pytest.fixture
def web() -> Iterator[PageServer]:
    """A server of pages on 127.0.0.1."""
    with PageServer() as running:
        yield running


def loopback(address: Address) -> bool:
    """What a test allows instead of public addresses."""
    return address.is_loopback


def got(web: PageServer, url: str, *, max_bytes: int = 100_000, seconds: float = 3.0) -> Download:
    """Fetch with the loopback address allowed."""
    return fetch(url, Limits(max_bytes, seconds, (web.port,)), allowed=loopback)


def refused(web: PageServer, url: str, **limits: float) -> str:
    """Why it is not read."""
    with pytest.raises(PageError) as caught:
        got(web, url, **limits)  # type: ignore[arg-type]
    return caught.value.reason


@pytest.mark.parametrize("host", SPELLINGS)
def test_this_machine_and_its_neighbours_are_never_asked(web: PageServer, host: str) -> None:
    """However they are spelled, by default."""
    with pytest.raises(PageError) as caught:
        fetch(f"http://{host}:{web.port}/", Limits(1000, 2.0, (web.port,)))
    assert caught.value.reason in ("private", "spelling", "unknown_host")
    assert web.asked == []


def test_at_least_25_spellings() -> None:
    """The list above is as long as it should be."""
    assert len(set(SPELLINGS)) >= 25


def test_a_page_and_what_is_sent_for_it(web: PageServer) -> None:
    """Nothing but its address and what can be read: no cookie, no referrer, no language."""
    page = got(web, web.put("/a", "<p>Hello</p>") + "#part")
    assert (page.kind, page.data) == ("html", b"<p>Hello</p>")
    ((path, headers),) = web.asked
    assert path == "/a"
    assert set(headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_a_name_that_changes_its_address_is_asked_once(web: PageServer) -> None:
    """The connection goes to the address that was checked, not to a second answer."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    limits = Limits(1000, 3.0, (web.port,))
    web.put("/", "<p>Hello</p>")
    page = fetch(f"http://page.example:{web.port}/", limits, allowed=loopback, resolve=resolve)
    assert page.data == b"<p>Hello</p>"
    assert web.asked[0][1]["host"] == f"page.example:{web.port}"


@pytest.mark.parametrize("also", ["10.0.0.1", "::1", "169.254.169.254"])
def test_one_private_address_among_others_is_enough(web: PageServer, also: str) -> None:
    """A host that has any is not asked at all."""

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.216.34", also]

    with pytest.raises(PageError) as caught:
        fetch("http://page.example/", Limits(1000, 3.0), resolve=resolve)
    assert caught.value.reason == "private"
    assert web.asked == []


def test_redirects_are_checked_again_and_counted(web: PageServer) -> None:
    """Three are followed; one to another scheme, port or a private address is not; cookies are not kept."""
    web.put("/end", "<p>End</p>")
    for number in range(1, 5):
        web.move(f"/{number}", f"/{number - 1}" if number > 1 else "/end")
    assert got(web, web.url("/3")).data == b"<p>End</p>"
    assert all("cookie" not in headers for _, headers in web.asked)
    assert refused(web, web.url("/4")) == "redirects"
    assert refused(web, web.move("/file", "file:///etc/passwd")) == "scheme"
    assert refused(web, web.move("/ssh", "http://127.0.0.1:22/")) == "port"
    assert refused(web, web.move("/meta", f"http://169.254.169.254:{web.port}/")) == "private"
    assert refused(web, web.move("/octal", f"http://0177.0.0.1:{web.port}/end")) == "spelling"
    assert refused(web, web.move("/login", f"http://a:b@127.0.0.1:{web.port}/end")) == "credentials"


def test_limits_of_size_and_time(web: PageServer) -> None:
    """Also for one that sends a little now and then, and one that lies about its length."""
    assert refused(web, web.put("/large", Page(b"x" * 50_000)), max_bytes=10_000) == "size"
    started = time.monotonic()
    assert refused(web, web.put("/slow", Page(b"x" * 100, piece=1, pause=0.2)), seconds=0.7) == "time"
    assert time.monotonic() - started < 2.0


def test_kinds_that_are_no_page(web: PageServer) -> None:
    """Other content types, other encodings, and what is not what it says."""
    assert refused(web, web.put("/zip", Page(b"PK", kind="application/zip"))) == "kind"
    assert refused(web, web.put("/image", Page(b"\x89PNG", kind="image/png"))) == "kind"
    assert refused(web, web.put("/no", Page(b"x", kind=""))) == "kind"
    assert refused(web, web.put("/gzip", Page(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}))) == "kind"
    assert refused(web, web.put("/false", Page(b"PK\x03\x04\0\0", kind="text/html"))) == "kind"
    assert refused(web, web.put("/pdf", Page(b"<p>x</p>", kind="application/pdf"))) == "kind"
    assert refused(web, web.url("/missing")) == "status"
    assert got(web, web.put("/text", Page(b"Hello", kind="text/plain"))).kind == "txt"


def test_hosts_that_are_not_there(web: PageServer) -> None:
    """No such name, nobody at the port."""

    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    with pytest.raises(PageError) as caught:
        fetch("http://nowhere.example/", Limits(1000, 1.0), resolve=nobody)
    assert caught.value.reason == "unknown_host"
    web.url("/")
    with pytest.raises(PageError) as caught:
        fetch("http://127.0.0.1:9/", Limits(1000, 1.0, (9,)), allowed=loopback)
    assert caught.value.reason == "unreachable"


def test_a_page_becomes_passages(web: PageServer) -> None:
    """By the importers, in their process; a page without text says so."""
    config = LinksConfig(fetch=True, ports=str(web.port))
    pages = Pages(config, ImportConfig(), allowed=loopback)
    url = web.put("/a", "<title>Harbour</title><nav>Menu</nav><p>The boat leaves at six.</p><script>x</script>")
    given = pages.read(url)
    assert given.title == f"Harbour ({url})"
    assert "".join(given.texts) == "The boat leaves at six."
    assert given.cited
    with pytest.raises(PageError) as caught:
        pages.read(web.put("/empty", "<script>x</script>"))
    assert caught.value.reason == "text"


def test_it_is_off_by_default_and_its_ports_are_numbers() -> None:
    """The owner switches it on; a wrong setting is named with its value."""
    assert page_reader(Settings()) is None
    assert page_reader(Settings(links=LinksConfig(fetch=True))) is not None
    assert ports_of(LinksConfig(ports="8080, 8443")) == (8080, 8443)
    with pytest.raises(UsageError, match=r"\[links\] ports is 'http'"):
        ports_of(LinksConfig(ports="http"))
