"""Each token opens one user's memory and nothing else; no browser can be led to use it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from bot.api.tokens import add_token, revoke_token, tokens, user_of_token
from bot.doctor.home import backups
from bot.people import make, remove
from bot.web.security import TRIES
from memory.backup import make_backup
from memory.restoring import restore
from memory.store import Store
from tests.bot.api.conftest import ASKED, WIFI, Home, MakeHome
from tests.bot.api.test_chat import extra, say
from tests.bot.web.bench import TOKEN
from tests.bot.web.conftest import log_in

BODY: dict[str, Any] = {"model": "familiar", "messages": [{"role": "user", "content": "Hello"}]}
PATHS = [("GET", "/v1/models"), ("GET", "/v1/nowhere"), ("POST", "/v1/chat/completions"), ("POST", "/v1/embeddings")]


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer, whose form is OpenAI's."""
    (found,) = answer.json().values()
    assert found.keys() == {"message", "type", "param", "code"}
    error: dict[str, Any] = found
    return error


def test_nothing_without_a_token(home: Home) -> None:
    """Every address says so in OpenAI's form, to a browser too, and answers carry the page's headers."""
    with home.bench.client(token=None) as client:
        for method, path in PATHS:
            for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic x"}, {"Accept": "text/html"}):
                answer = client.request(method, path, headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
                assert error_of(answer)["code"] == "invalid_api_key"
                assert answer.headers["cache-control"] == "no-store"
        assert client.get("/v1/models", headers={"Host": "evil.example"}).status_code == 421


def test_a_session_opens_nothing_here(home: Home) -> None:
    """The page's cookie goes with requests that another site makes a browser send; the API does not look at it."""
    with home.bench.client(token=None) as client:
        log_in(client)
        assert client.get("/").status_code == 200
        assert client.post("/v1/chat/completions", json=BODY).status_code == 401
        plain = client.post("/v1/chat/completions", content="{}", headers={"Content-Type": "text/plain"})
        assert plain.status_code == 401
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        preflight = client.options("/v1/chat/completions", headers=asked)
        assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert home.turns() == 0


def test_tokens_cannot_be_guessed_at_speed(home: Home) -> None:
    """After ten wrong ones every token of that address waits, those of further people too."""
    _, bo = home.person("bo")
    with home.bench.client(token="wrong") as client:
        for _ in range(TRIES):
            assert client.get("/v1/models").status_code == 401
        waiting = client.get("/v1/models")
        assert (waiting.status_code, error_of(waiting)["type"]) == (429, "rate_limit_error")
        assert 0 < int(waiting.headers["retry-after"]) <= 60
    with pytest.raises(openai.RateLimitError):
        bo.models.list()


def test_each_token_reads_its_users_memory_alone(home: Home) -> None:
    """What one told or imported, nobody else's token finds, by question, by history or by number."""
    bo_user, bo = home.person("bo")
    ada = home.client()
    home.bench.document("attic", "The silver key of Bo lies in the attic.", user=bo_user)
    told = say(ada, "My safe opens with 9182.")
    assert WIFI in home_question(home, ada, ASKED)
    for question in (ASKED, "What does my safe open with?"):
        reply = say(bo, question)
        assert "nothing about that" in reply.choices[0].message.content
        assert extra(reply)["citations"] == []
        assert not [memory for memory in extra(reply)["memories"] if memory["title"] == "cabin"]
    assert "attic" in home_question(home, bo, "Where is the silver key of Bo?")
    assert "nothing about that" in say(ada, "Where is the silver key of Bo?").choices[0].message.content
    # the same history leads into nobody else's conversation
    gone_on = say(bo, "My safe opens with 9182.", told.choices[0].message.content, "Thank you!")
    assert extra(gone_on)["conversation"] != extra(told)["conversation"]
    owners = {
        row["user_id"]
        for row in home.bench.store.rows(
            "SELECT user_id FROM turns WHERE conversation_id = ?", (extra(gone_on)["conversation"],)
        )
    }
    assert owners == {bo_user.id}


def home_question(home: Home, client: openai.OpenAI, question: str) -> str:
    """What the model was given for a question."""
    say(client, question)
    return home.engine.requests[-1].messages[-1].content


def test_a_persons_token_does_not_open_the_page(home: Home) -> None:
    """Which shows the owner's memory; and it ends when it is revoked, or its person is sent away."""
    user = home.bench.store.add_user("bo", role="member", telegram_id=8)
    made, text = add_token(home.bench.store, user)
    bo = home.client(text)
    with home.bench.client(token=text) as client:
        assert client.get("/conversations").status_code == 401
        assert client.get("/v1/models").status_code == 200
    home.role(user, "refused")
    with pytest.raises(openai.PermissionDeniedError, match="not use this home any more"):
        bo.models.list()
    home.role(user, "member")
    assert revoke_token(home.bench.store, made.id).name == "bo"
    with pytest.raises(openai.AuthenticationError):
        bo.models.list()
    assert tokens(home.bench.store) == []


def test_who_is_let_in_again_needs_a_new_token(home: Home) -> None:
    """Sending somebody away revokes their tokens for good, and nobody else's."""
    store = home.bench.store
    (bo, client), (_, cleo) = home.person("bo"), home.person("cleo")
    assert remove(store, bo.id, erase=None) is not None
    make(store, bo.id, "member")
    with pytest.raises(openai.AuthenticationError):
        client.models.list()
    assert cleo.models.list()
    assert [token.name for token in tokens(store)] == ["cleo"]


def test_a_revoked_token_stays_revoked_in_a_restored_backup(tmp_path: Path) -> None:
    """Also that of somebody who was removed; others work on, and a backup of the backup knows it too."""
    home = tmp_path / "home"
    with closing(Store(home / "familiar.db")) as store:
        people = [store.add_user(name, role="member", telegram_id=n) for n, name in enumerate(["bo", "cleo", "dan"])]
        texts = [add_token(store, person)[1] for person in people]
        before = make_backup(store, home, home / "backups" / "one.familiar").path
        revoke_token(store, tokens(store)[0].id)
        remove(store, people[1].id, erase=None)
        assert backups(store).remedy is None
    restore(home, before, erasers_of=lambda _store: ())
    with closing(Store(home / "familiar.db")) as store:
        assert [user_of_token(store, text) for text in texts] == [None, None, people[2].id]
        assert store.user_by_id(people[0].id).role == "member"
        again = make_backup(store, home, home / "backups" / "two.familiar").path
    restore(home, before, erasers_of=lambda _store: ())
    restore(home, again, erasers_of=lambda _store: ())
    with closing(Store(home / "familiar.db")) as store:
        assert [user_of_token(store, text) for text in texts] == [None, None, people[2].id]


def test_a_token_is_stored_as_a_hash(home: Home) -> None:
    """Two of one person differ, and nothing that is stored opens the API."""
    made = [add_token(home.bench.store, home.bench.ada)[1] for _ in range(2)]
    rows = home.bench.store.rows("SELECT * FROM api_tokens")
    assert len({row["sha256"] for row in rows}) == len({row["salt"] for row in rows}) == 2
    stored = [str(value) for row in rows for value in row]
    assert not set(made) & set(stored)
    with home.bench.client(token=rows[0]["sha256"]) as client:
        assert client.get("/v1/models").status_code == 401


def test_a_guest_asks_about_shared_knowledge_only(home: Home) -> None:
    """Nothing a guest tells is found later, and the model alone and its vectors are not theirs."""
    handbook = home.bench.store.add_user("handbook", role="shared")
    home.bench.document("handbook", "The wifi password at the office is oakleaf-7.", user=handbook)
    _, gus = home.person("gus", guest=True)
    kept = home.kept()
    given = home_question(home, gus, "What is the wifi password at the office?")
    assert "oakleaf-7" in given
    assert "pinecone-42" not in given
    assert say(gus, "My bike is red.").choices[0].message.content
    assert home.kept() == kept
    with pytest.raises(openai.NotFoundError):
        say(gus, "Hello", model="familiar-base")
    with pytest.raises(openai.PermissionDeniedError):
        say(gus, "Hello", extra_body={"memory": "off"})
    with pytest.raises(openai.NotFoundError):
        gus.embeddings.create(model="familiar-embedding", input="x")


def test_limits_count_over_all_ways_in(home: Home) -> None:
    """A guest's replies of a day; refused ones are not counted, failed ones not as replies, and the owner has none."""
    home.configure("people", guest_replies_per_day=2)
    user, gus = home.person("gus", guest=True)
    with pytest.raises(openai.BadRequestError):
        say(gus, "word " * 5000)
    say(gus, "Good morning!")
    home.bench.store.rows(
        "INSERT INTO telegram_inbox (update_id, payload, state, received_at, author_id, work)"
        " SELECT 1, '{}', 'done', at, ?, 'reply' FROM api_uses WHERE work = 'reply' RETURNING 1",
        (user.id,),
    )
    with pytest.raises(openai.RateLimitError, match="at most 2 replies; there is room again at 20") as caught:
        say(gus, "Good morning!")
    assert int(caught.value.response.headers["retry-after"]) > 86_000
    assert [row["work"] for row in home.bench.store.rows("SELECT work FROM api_uses ORDER BY id")] == [
        "message",
        "reply",
    ]
    for _ in range(3):
        say(home.client(), "Good morning!")


def test_messages_of_a_minute_are_limited(home: Home) -> None:
    """For members too, with vectors counted."""
    home.configure("people", messages_per_minute=2)
    _, bo = home.person("bo")
    say(bo, "Good morning!")
    bo.embeddings.create(model="familiar-embedding", input="x")
    with pytest.raises(openai.RateLimitError, match="at most 2 messages"):
        say(bo, "Good morning!")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"[]", 400, None),
        (b'{"model": "gpt-4", "messages": [{"role": "user", "content": "SECRET"}]}', 404, "model_not_found"),
        (b'{"model": "familiar-base", "memory": "on", "messages": [{"role": "user", "content": "SECRET"}]}', 400, None),
        (b"x" * (4 << 20) + b"xx", 413, "request_too_large"),
    ],
    ids=["json", "bytes", "deep", "list", "model", "memory", "large"],
)
def test_wrong_requests(home: Home, body: bytes, status: int, code: str | None) -> None:
    """Each is an error in OpenAI's form that repeats nothing of the request, and the next one is answered."""
    with home.bench.client() as client:
        for streamed in (body, iter([body[:5], body[5:]])):
            answer = client.post("/v1/chat/completions", content=streamed)
            assert answer.status_code == status
            error = error_of(answer)
            assert error["type"] == "invalid_request_error"
            assert error["code"] == code or code is None
            assert "SECRET" not in answer.text
        assert error_of(client.get("/v1/completions"))["code"] == "unknown_url"
        assert client.get("/v1/chat/completions").status_code == 405
        assert client.post("/v1/chat/completions", json=BODY).status_code == 200


def test_a_failure_is_told_without_its_text(make_home: MakeHome, caplog: pytest.LogCaptureFixture) -> None:
    """To a stream that began as an event, else as a status; the log has the place alone."""

    def fails(_: object) -> str:
        raise ValueError("SECRET")

    home = make_home(fails)
    client = home.client()
    with pytest.raises(openai.InternalServerError, match="something went wrong"):
        say(client, "Good morning!")
    with pytest.raises(openai.InternalServerError):
        list(say(client, "Good morning!", stream=True))
    assert "SECRET" not in caplog.text
    assert "ValueError at" in caplog.text
    assert TOKEN not in caplog.text
    assert home.turns() == 0


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("chat/completions", '"messages": [{"role": "user", "content": "Hello \\ud83d"}]', "messages.0.content"),
        (
            "chat/completions",
            '"messages": [{"role": "user", "content": [{"type": "text", "text": "\\udc00"}]}]',
            "messages.0.content.0.text",
        ),
        ("chat/completions", '"user": "\\ud83d", "messages": [{"role": "user", "content": "x"}]', "user"),
        ("chat/completions", '"\\ud83d": 1, "messages": [{"role": "user", "content": "x"}]', None),
        ("embeddings", '"input": ["x", "\\ud83d"]', "input.1"),
    ],
)
def test_half_an_emoji_is_named(home: Home, path: str, fields: str, param: str | None) -> None:
    """JSON can spell half of a surrogate pair, which nothing can store, embed or send back."""
    model = "familiar" if path.startswith("chat") else "familiar-embedding"
    body = f'{{"model": "{model}", {fields}}}'.encode()
    with home.bench.client(token=TOKEN) as client:
        answer = client.post(f"/v1/{path}", content=body, headers={"content-type": "application/json"})
    error = error_of(answer)
    assert (answer.status_code, error["param"], error["code"]) == (400, param, "invalid_value")
    assert "half of a surrogate pair" in error["message"]
    assert home.turns() == 0
