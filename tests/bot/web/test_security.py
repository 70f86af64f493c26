"""Who may come in, as decisions: sessions, tries, hosts, forms."""

from __future__ import annotations

import pytest

from bot.web.security import (
    SESSION_SECONDS,
    TRIES,
    TRY_SECONDS,
    Sessions,
    TryLimit,
    is_allowed_host,
    is_loopback,
    is_own_form,
    same,
)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The present moment."""
        return self.now


def test_a_session_ends_when_it_is_not_used() -> None:
    """Each request prolongs it; after twelve hours without one, or after logging out, its id opens nothing."""
    clock = Clock()
    sessions = Sessions(clock=clock)
    made = sessions.begin()
    clock.now += SESSION_SECONDS - 1
    assert sessions.find(made.id) is made
    clock.now += SESSION_SECONDS - 1
    assert sessions.find(made.id) is made
    clock.now += SESSION_SECONDS + 1
    assert sessions.find(made.id) is None
    other = sessions.begin()
    sessions.end(other.id)
    assert sessions.find(other.id) is sessions.find(None) is sessions.find("") is None


def test_sessions_are_few_and_unlike() -> None:
    """Ids and form tokens are never the same, and the oldest session makes room for the fifty-first."""
    sessions = Sessions(clock=Clock())
    made = [sessions.begin() for _ in range(51)]
    assert len({item.id for item in made} | {item.csrf for item in made}) == 102
    assert [sessions.find(item.id) is not None for item in made] == [False] + [True] * 50


def test_tries_are_limited_by_client_and_time() -> None:
    """The tenth wrong token closes the door for that client alone, until the first one is a minute old."""
    clock = Clock()
    limit = TryLimit(clock=clock)
    for _ in range(TRIES):
        assert limit.wait("a") == 0
        limit.failed("a")
        clock.now += 1
    assert limit.wait("a") == TRY_SECONDS - TRIES
    assert limit.wait("b") == 0
    clock.now += TRY_SECONDS - TRIES
    assert limit.wait("a") == 0
    limit.failed("a")
    assert limit.wait("a") > 0


def test_clients_are_forgotten_before_they_are_too_many() -> None:
    """A thousand other clients push out the oldest one's tries, so that memory has a limit."""
    limit = TryLimit(clock=Clock())
    for _ in range(TRIES):
        limit.failed("first")
    for number in range(1000):
        limit.failed(str(number))
    assert limit.wait("first") == 0


@pytest.mark.parametrize(
    ("header", "listens", "allowed"),
    [
        ("127.0.0.1:8014", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost:9", "127.0.0.1", True),
        ("[::1]:8014", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("home.lan:8014", "127.0.0.1", True),
        ("evil.example:8014", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("192.168.1.5:8014", "127.0.0.1", False),
        ("192.168.1.5:8014", "0.0.0.0", True),
        ("evil.example", "0.0.0.0", False),
        ("user@127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1:x", "127.0.0.1", False),
        ("127.0.0.1/a", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        (None, "127.0.0.1", False),
    ],
)
def test_only_names_of_ours_lead_here(header: str | None, listens: str, allowed: bool) -> None:
    """A name that somebody made point to this machine is refused; an address is taken where the page is open."""
    assert is_allowed_host(header, listens=listens, names=["home.lan"]) is allowed


def test_which_addresses_are_of_this_machine() -> None:
    """Every address but the loopback ones is reached by others, 0.0.0.0 too."""
    reached = ["127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", "::", "192.168.1.5", "home.lan"]
    assert [is_loopback(item) for item in reached] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("origin", "site", "own"),
    [
        (None, None, True),
        ("null", None, True),
        ("http://127.0.0.1:8014", None, True),
        ("http://127.0.0.1:8015", None, False),
        ("https://evil.example", None, False),
        ("null", "same-origin", True),
        ("null", "none", True),
        ("null", "same-site", False),
        ("http://127.0.0.1:8014", "cross-site", False),
    ],
)
def test_forms_of_other_sites_are_told(origin: str | None, site: str | None, own: bool) -> None:
    """Sec-Fetch-Site says most; without it the Origin, which our own referrer policy makes "null"."""
    assert is_own_form(host="127.0.0.1:8014", origin=origin, site=site) is own


def test_tokens_are_compared_whole() -> None:
    """A part, another case or an empty text is not the token; one that is not ASCII can be compared."""
    assert same("sécret", "sécret")
    assert not any(same(given, "secret") for given in ("secre", "SECRET", "", "secret ", "\udcff"))
