"""The door over HTTP: tokens, sessions, CSRF, hosts, headers, sizes."""

from __future__ import annotations

import re

import httpx

from bot.web.app import pages
from bot.web.security import TRIES
from tests.bot.web.bench import TOKEN, Bench
from tests.bot.web.conftest import csrf_of, log_in

PATHS = [page.path.replace("{id}", "1") for page in pages(1)]


def test_nothing_is_seen_without_token(bench: Bench) -> None:
    """At every address: a browser is led to the login page, a script told to authenticate, and no form acts."""
    with bench.client(token=None) as client:
        for path in [*(path for path in PATHS if path != "/login"), "/nowhere", "/v1"]:
            led = client.get(path, headers={"Accept": "text/html"})
            assert (led.status_code, led.headers["location"]) == (303, "/login")
            for answer in (client.get(path), client.post(path)):
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert client.get("/", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_login_gives_a_session_and_logout_ends_it(bench: Bench) -> None:
    """The cookie is HttpOnly and SameSite=Strict, is not the token, and opens nothing after logging out."""
    with bench.client(token=None) as client:
        answer = log_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        (cookie,) = [
            item for item in answer.headers.get_list("set-cookie") if item.startswith(bench.access.cookie + "=")
        ]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get("/").status_code == 200
        session = client.cookies[bench.access.cookie]
        assert client.post("/logout", data={"csrf": csrf_of(client, "/")}).status_code == 303
        client.cookies.set(bench.access.cookie, session)
        assert client.get("/").status_code == 401


def test_a_wrong_token_is_said_and_an_old_form_refused(bench: Bench) -> None:
    """401 with the form again; without the form's own cookie not even the right token logs in."""
    with bench.client(token=None) as client:
        wrong = log_in(client, "nonsense")
        assert (wrong.status_code, "That is not the token" in wrong.text) == (401, True)
        assert "nonsense" not in wrong.text
        stale = client.post("/login", data={"csrf": "guessed", "token": TOKEN})
        assert stale.status_code == 403
        assert client.get("/").status_code == 401


def test_tokens_cannot_be_guessed_at_speed(bench: Bench) -> None:
    """After ten wrong ones the right one waits too, by form and by header, so that nobody learns which it was."""
    with bench.client(token=None) as client, bench.client() as right:
        for _ in range(TRIES - 1):
            assert log_in(client, "x").status_code == 401
        assert client.get("/", headers={"Authorization": "Bearer y"}).status_code == 401
        waiting = log_in(client)
        assert waiting.status_code == 429
        assert 0 < int(waiting.headers["retry-after"]) <= 60
        assert right.get("/").status_code == 429


def test_a_form_needs_the_tokens_of_its_session(bench: Bench, browsed: httpx.Client) -> None:
    """Without CSRF token, with another session's, or sent by another site a form changes nothing."""
    id_ = bench.document("cabin", "My sister is Eva.")
    with bench.client(token=None) as other:
        log_in(other)
        foreign = csrf_of(other, "/")
    own = csrf_of(browsed, "/documents")
    path = f"/documents/{id_}/forget"
    assert browsed.post(path).status_code == 403
    assert browsed.post(path, data={"csrf": foreign}).status_code == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert browsed.post(path, data={"csrf": own}, headers=headers).status_code == 403
    assert bench.store.documents(user_id=bench.ada.id)
    assert browsed.post(path, data={"csrf": own}).status_code == 303
    assert not bench.store.documents(user_id=bench.ada.id)


def test_every_form_of_every_page_has_a_csrf_token(bench: Bench, browsed: httpx.Client) -> None:
    """No POST form was forgotten."""
    document, turn = bench.document("cabin", "My sister is Eva."), bench.turn("What is my sister called?")
    bench.dialogue()
    bench.adapter()
    bench.reminder("water the plants")
    found = 0
    for path in ["/", "/documents", f"/documents/{document}/forget", f"/turns/{turn}", "/conversations/1", "/facts"]:
        for form in re.findall(r'<form method="post".*?</form>', browsed.get(path).text, re.DOTALL):
            assert re.search(r'name="csrf" value="[\w-]{20,}"', form), form
            found += 1
    assert found > 10


def test_other_names_for_this_machine_are_refused(bench: Bench) -> None:
    """DNS rebinding: a page that another site's name leads to is not shown, not even with the right token."""
    with bench.client() as client:
        for host in ("evil.example", f"evil.example:{bench.port}", "127.0.0.1.evil.example", ""):
            assert client.get("/", headers={"Host": host}).status_code in (400, 421)
        assert client.get("/", headers={"Host": f"localhost:{bench.port}"}).status_code == 200


def test_every_answer_is_kept_from_other_sites(bench: Bench) -> None:
    """Pages, errors, redirects and files: no frame, no sniffing, no referrer, no copy on disk, no foreign source."""
    with bench.client() as client:
        answers = [client.get(path) for path in ("/", "/login", "/nowhere", "/static/familiar.css", "/adapters/x")]
        answers += [client.get("/", headers={"Host": "evil.example"}), client.post("/login"), client.put("/facts")]
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_long_bodies_are_refused(scripted: httpx.Client) -> None:
    """A file above [import] max_file_mb is not read, and a form is far shorter, with or without a stated length."""
    big = b"x" * (3 << 20)
    assert scripted.post("/documents", files={"file": ("big.txt", big)}).status_code == 413
    assert scripted.post("/facts/1/correct", data={"value": "x" * (2 << 20)}).status_code == 413

    def pieces() -> object:
        yield from (big[: 1 << 16] for _ in range(48))

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert scripted.post("/facts/1/correct", content=pieces(), headers=form).status_code == 413  # type: ignore[arg-type]


def test_a_script_acts_with_its_token_alone(bench: Bench, scripted: httpx.Client) -> None:
    """With the bearer token no form token is needed."""
    bench.reminder("water the plants")
    assert scripted.post("/reminders/1/cancel").status_code == 303
    assert scripted.get("/work").text.count("water the plants") == 0
